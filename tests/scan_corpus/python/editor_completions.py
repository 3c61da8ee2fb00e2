"""Completion of Python code in the web console."""

import jedi
from aiohttp import web

routes = web.RouteTableDef()


class Completions:
    def create(self, source: str, line: int, column: int) -> list[dict[str, str]]:
        script = jedi.Script(source)
        return [
            {"name": c.name, "kind": c.type, "role": "completion"}
            for c in script.complete(line, column)
        ]


class Console:
    def __init__(self) -> None:
        self.completions = Completions()


console = Console()


@routes.post("/complete")
async def complete(request: web.Request) -> web.Response:
    data = await request.json()
    found = console.completions.create(data["source"], data["line"], data["column"])
    return web.json_response({"model": "jedi", "completions": found, "max_tokens": len(found)})
