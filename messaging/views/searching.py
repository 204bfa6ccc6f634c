"""Searching one's own messages."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from messaging import plain, visible
from messaging.answers import answer, endpoint, reader_of
from messaging.models import Message
from messaging.replicas import may_lag
from messaging.search import words

PAGE = 50  # messages
FARTHEST = 10_000  # nobody goes through more of a search


@endpoint(
    GET="found",
    query={
        "q": 'What to search for: words, "phrases", and beginnings*.',
        "skip": "How many of the best to pass over: answer with the next 50.",
    },
)
def search(request: HttpRequest) -> HttpResponse:
    """The reader's messages that have all the words of `?q=`, the best first, at most 50."""
    reader = reader_of(request)
    typed, skip = request.GET.get("q", ""), _skip(request)
    with may_lag():
        found = Message.objects.of_user(reader).search(typed)[skip : skip + PAGE + 1].rows()
    rows = visible.messages(found[:PAGE], reader)
    wanted = words.terms(typed)
    results = [(row, words.spans(row.content, wanted)) for row in rows]
    context = {
        "typed": typed,
        "has_words": bool(wanted),
        "results": [(row, list(words.pieces(row.content, parts))) for row, parts in results],
        "next": skip + PAGE if len(found) > PAGE else None,
    }
    data = [plain.found(row, parts) for row, parts in results]
    response = answer(request, "messaging/search.html", context, data)
    if context["next"]:
        query = request.GET.copy()
        query["skip"] = str(context["next"])
        response["Link"] = f'<{request.path}?{query.urlencode()}>; rel="next"'
    return response


def _skip(request: HttpRequest) -> int:
    skip = request.GET.get("skip", "")
    return min(int(skip), FARTHEST) if skip.isdecimal() and len(skip) < 9 else 0
