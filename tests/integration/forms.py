"""The pages that people see, read as a browser reads them."""

from html.parser import HTMLParser


class Form(HTMLParser):
    """The form of a page: its hidden fields, and the value of each button by its label."""

    def __init__(self, html):
        super().__init__()
        self.fields, self.buttons, self.action, self._value = {}, {}, None, None
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        of = dict(attributes)
        if tag == "form":
            self.action = (of["method"], of["action"])
        elif tag == "input":
            self.fields[of["name"]] = of["value"]
        elif tag == "button":
            assert of["name"] == "account"
            self._value = of["value"]

    def handle_data(self, data):
        if self._value is not None:
            self.buttons[data], self._value = self._value, None
