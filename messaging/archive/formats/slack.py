"""x"""
from messaging.archive.formats.base import Format
class Slack(Format):
    name = "slack"
