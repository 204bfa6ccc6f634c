"""Finding messages by their words: what was asked (`words`), and the index that knows (`index`)."""
