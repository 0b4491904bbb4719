"""What Slack's incoming webhooks accept, as one function over the body.

Limits and error words: Slack's documentation and the constants of its SDKs. Stricter than Slack in
three points, where Slack would accept, and show something that nobody meant: text that it would cut,
a mention out of a label's value, an ampersand that is not an entity.
"""

import re

MAX_TEXT = 40_000
MAX_BLOCKS = 50
MAX_BLOCK_TEXT = 13_200
MAX_ATTACHMENTS = 100
LINK = re.compile(r"<(?:https?://|mailto:)[^<>|\s]+(?:\|[^<>|]*)?>")
ENTITY = re.compile(r"&(?:amp|lt|gt);")


class Invalid(Exception):
    """Slack's error word and, for the log, why."""


def check(body):
    """Raises `Invalid` unless Slack would take the decoded JSON `body`."""
    if not isinstance(body, dict):
        raise Invalid("invalid_payload", "not a JSON object")
    text, blocks, attachments = body.get("text"), body.get("blocks"), body.get("attachments")
    if not text and not blocks and not attachments:
        raise Invalid("no_text", "neither text nor blocks nor attachments")
    if text is not None:
        mrkdwn(text, MAX_TEXT, "text", "invalid_payload")
    if blocks is not None:
        check_blocks(blocks)
    if attachments is not None:
        check_attachments(attachments)


def check_attachments(attachments):
    require(isinstance(attachments, list), "attachments is no list", "invalid_payload")
    require(len(attachments) <= MAX_ATTACHMENTS, f"over {MAX_ATTACHMENTS}", "too_many_attachments")
    for attachment in attachments:
        require(isinstance(attachment, dict), "an attachment is no object", "invalid_payload")
        for name in ("pretext", "text", "fallback"):
            if name in attachment:
                mrkdwn(attachment[name], MAX_TEXT, f"attachment {name}", "invalid_payload")
        if "blocks" in attachment:
            check_blocks(attachment["blocks"])


def check_blocks(blocks):
    require(isinstance(blocks, list) and blocks, "blocks is no list, or empty", "invalid_blocks_format")
    require(len(blocks) <= MAX_BLOCKS, f"{len(blocks)} blocks, at most {MAX_BLOCKS}")
    names = [block.get("block_id") for block in blocks if isinstance(block, dict) and "block_id" in block]
    require(len(names) == len(set(map(str, names))), "a block_id occurs twice")
    total = sum(check_block(block) for block in blocks)
    require(total <= MAX_BLOCK_TEXT, f"{total} characters in all blocks", "msg_blocks_too_long")


def check_block(block):
    """Checks one block and returns the number of characters in it."""
    require(isinstance(block, dict), "a block is no object")
    bounded(block.get("block_id"), 255, "block_id", optional=True)
    kind = block.get("type")
    if kind == "divider":
        return 0
    if kind == "header":
        return text_object(block.get("text"), 150, "header", kinds=("plain_text",))
    if kind == "section":
        fields = block.get("fields", [])
        require("text" in block or fields, "a section has neither text nor fields")
        require(isinstance(fields, list) and len(fields) <= 10, "a section has over 10 fields")
        size = text_object(block["text"], 3000, "section text") if "text" in block else 0
        if "accessory" in block:
            element(block["accessory"])
        return size + sum(text_object(field, 2000, "section field") for field in fields)
    if kind == "context":
        return sum(context_element(item) for item in elements(block, 10))
    if kind == "actions":
        return sum(element(item) for item in elements(block, 25))
    if kind == "image":
        bounded(block.get("image_url"), 3000, "image_url")
        return bounded(block.get("alt_text"), 2000, "alt_text")
    raise Invalid("invalid_blocks", f"unknown block type {kind!r}")


def elements(block, most):
    found = block.get("elements")
    require(isinstance(found, list) and 1 <= len(found) <= most, f"{block['type']}: 1 to {most} elements")
    return found


def context_element(item):
    if isinstance(item, dict) and item.get("type") == "image":
        bounded(item.get("image_url"), 3000, "image_url")
        return bounded(item.get("alt_text"), 2000, "alt_text")
    return text_object(item, 3000, "context element")


def element(item):
    require(isinstance(item, dict), "an element is no object")
    require(item.get("type") == "button", f"unknown element type {item.get('type')!r}")
    bounded(item.get("action_id"), 255, "action_id", optional=True)
    bounded(item.get("url"), 3000, "button url", optional=True)
    bounded(item.get("value"), 2000, "button value", optional=True)
    require(item.get("style") in (None, "primary", "danger"), "unknown button style")
    return text_object(item.get("text"), 75, "button text", kinds=("plain_text",))


def text_object(item, limit, what, kinds=("mrkdwn", "plain_text")):
    require(isinstance(item, dict), f"{what} is no text object")
    require(item.get("type") in kinds, f"{what} has type {item.get('type')!r}, not one of {kinds}")
    if item["type"] == "mrkdwn":
        return mrkdwn(item.get("text"), limit, what)
    return bounded(item.get("text"), limit, what)


def mrkdwn(text, limit, what, word="invalid_blocks"):
    size = bounded(text, limit, what, word)
    rest = LINK.sub("", text)
    require("<" not in rest and ">" not in rest, f"{what}: a bare < or >, or a mention: {text!r}", word)
    require("&" not in ENTITY.sub("", rest), f"{what}: a bare &: {text!r}", word)
    return size


def bounded(text, limit, what, word="invalid_blocks", optional=False):
    if optional and text is None:
        return 0
    require(isinstance(text, str) and text, f"{what} is missing or empty", word)
    require(len(text) <= limit, f"{what} has {len(text)} characters, at most {limit}", word)
    return len(text)


def require(condition, why, word="invalid_blocks"):
    if not condition:
        raise Invalid(word, why)
