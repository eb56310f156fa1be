"""How much is read of what Meta tells. Instagram's own limits are lower; what exceeds these is cut or left out.

Lengths are in characters.
"""

MAX_NOTIFICATIONS = 1_000
"""Of one webhook POST, as Meta documents."""

LONGEST_TEXT = 10_000  # Instagram takes 1,000 bytes
LONGEST_TITLE = 1_000  # of a button and its payload, of an attachment, and of the reason of a policy enforcement
LONGEST_NAME = 200  # of a person, an account or a Page; Instagram's have 64
LONGEST_REFERENCE = 2_500  # the `ref` of a link may have 2,083
LONGEST_EMOJI = 100  # a family's emoji is 11, each as an escape of up to 12
LONGEST_KIND = 50  # of an attachment
LONGEST_LINK = 4_000  # a link that is cut leads nowhere, so a longer one is left out
LONGEST_ID = 100  # of a thing; the ids of people, accounts and apps have a form of their own

MOST_ATTACHMENTS = 20  # Instagram takes 10
MOST_CARDS = 10  # as Instagram
MOST_BUTTONS = 5  # Instagram takes 3
MOST_ATTACHED_CHARACTERS = 40_000  # of all attachments of a message: a chat holds 500 messages in 16 MB

LARGEST_KEPT = 20_000  # of the JSON of an event that is kept as it came; what Meta documents is far smaller
MOST_PEOPLE = 100  # of one such event

MOST_LISTED = 1_000  # items of one list in an answer of the Graph API
