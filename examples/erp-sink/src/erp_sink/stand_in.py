"""A stand-in for the ERP, which is slow, fails, loses answers and comes back as it is told: `python -m erp_sink.stand_in`."""

import asyncio
import sys
from typing import Literal

import uvicorn
from fastapi import FastAPI, Response
from pydantic import BaseModel, Field


class Document(BaseModel):
    """One entry of the books, from one account to another."""

    company: str
    booked_on: str
    debit: str
    credit: str
    amount_minor: int = Field(gt=0)
    currency: str = Field(pattern="^[A-Z]{3}$")
    reference: str
    text: str


class Behaviour(BaseModel):
    """How it answers: after so many `seconds`, and with `status` in place of its own `before` it has posted, or `after` that."""

    seconds: float = 0
    fails: Literal["before", "after"] | None = None
    status: int = 503
    closed: list[str] = []
    """Companies whose books are closed: what is posted to them is refused."""


class Books:
    """The documents by number, and how often each was sent."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self.requests: dict[str, int] = {}
        self.behaviour = Behaviour()

    def post(self, number: str, document: Document) -> tuple[int, str]:
        """Status and text: a number is there once, and never with another content."""
        if document.company in self.behaviour.closed:
            return 422, "the books of this company are closed"
        there = self.documents.setdefault(number, document)
        return (200, "posted") if there == document else (409, "another document has this number")


def app(books: Books) -> FastAPI:
    """The ERP, and beneath `/_control` what is done with it."""
    made = FastAPI(title="ERP stand-in")

    @made.put("/documents/{number}")
    async def put(number: str, document: Document) -> Response:
        books.requests[number] = books.requests.get(number, 0) + 1
        behaviour = books.behaviour
        await asyncio.sleep(behaviour.seconds)
        if behaviour.fails == "before":
            return Response("down", behaviour.status)
        status, text = books.post(number, document)
        return Response("broken", behaviour.status) if behaviour.fails == "after" else Response(text, status)

    @made.get("/documents")
    async def documents() -> dict[str, Document]:
        return books.documents

    @made.put("/_control/behaviour")
    async def behave(behaviour: Behaviour) -> None:
        books.behaviour = behaviour

    return made


if __name__ == "__main__":
    uvicorn.run(app(Books()), host="127.0.0.1", port=int(sys.argv[1]) if len(sys.argv) > 1 else 8099)
