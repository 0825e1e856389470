import json

from pytest_django.fixtures import Settings

from accounts.api.problems import problem_answer, problem_body
from accounts.audit.place import Place, at_place


def test_a_problem_leads_to_its_page_and_names_its_request(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://parley.example.com"
    with at_place(Place(request_id="r1")):
        body = problem_body(403, "tenant-suspended", "It is suspended.")
    assert body == {
        "type": "https://parley.example.com/api/v1/errors/#tenant-suspended",
        "title": "The organisation is suspended",
        "status": 403,
        "code": "tenant-suspended",
        "detail": "It is suspended.",
        "request_id": "r1",
    }


def test_titles_come_from_the_table_the_caller_or_the_status() -> None:
    assert problem_body(403, "of-another-table", "", title="Hers")["title"] == "Hers"
    assert problem_body(404, "of-no-table", "")["title"] == "Not Found"


def test_an_answer_is_a_problem_and_the_log_finds_its_code() -> None:
    answer = problem_answer(problem_body(401, "invalid-api-key", "No."))
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert json.loads(answer.content)["code"] == vars(answer)["problem_code"] == "invalid-api-key"
