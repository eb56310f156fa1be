"""What Instagram takes (Meta, "Send messages")."""

# "Must be UTF-8 and be 1000 bytes or less."
MAX_TEXT_BYTES = 1000
