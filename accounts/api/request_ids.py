"""Every request has an id: it stands in the answer, in the log of requests and in the audit."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts.audit.place import at_place, place_of_request

HEADER = "X-Request-Id"


class RequestIdMiddleware:
    """Runs the request at its place, and names its id in the answer.

    An id that comes with the request counts only from TRUSTED_PROXIES, which give one to what
    they pass on: by it rows are found, so a caller must not be able to choose somebody else's, or
    the same for everything it does.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        place = place_of_request(request)
        with at_place(place):
            answer = self._get_response(request)
        answer[HEADER] = place.request_id
        return answer
