"""`make docs`: write docs/openapi.json anew, from the code and the frontend guide."""

from local.openapi.document import PATH, text

if __name__ == "__main__":
    PATH.write_text(text(), "utf-8")
    print(f"{PATH} is written.")
