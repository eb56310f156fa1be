"""What Instagram takes (Meta, "Send messages", "Generic template", "Button template", "Quick replies")."""

# "Must be UTF-8 and be 1000 bytes or less."
MAX_TEXT_BYTES = 1000

# Meta takes 100 texts a second from one account (300, says another page), and 10 recordings or videos; less is safe.
SENDS_PER_SECOND = 80
MEDIA_SENDS_PER_SECOND = 8

# Meta takes two calls of the Conversations API a second for one account. Whoever reads makes two at most.
READERS_PER_SECOND = 1

MAX_IMAGES = 10
MAX_QUICK_REPLIES = 13
MAX_BUTTON_TITLE = 20  # characters, of buttons and quick replies
MAX_PAYLOAD = 1000  # characters, of what comes back when a button is tapped
MAX_ELEMENTS = 10  # of a generic template
MAX_ELEMENT_TEXT = 80  # characters, of an element's title and subtitle
MAX_BUTTONS = 3
MAX_BUTTONS_TEXT = 640  # characters, above the buttons of a button template

MAX_ICE_BREAKERS = 4  # Meta, "Ice Breakers"
MAX_QUESTION = 80  # characters, of an ice breaker
MAX_MENU_ITEMS = 5  # as Meta recommends for Instagram; its reference of the Messenger profile allows 20
MAX_MENU_TITLE = 30  # characters (Meta's reference of the Messenger profile, "persistent_menu")
