"""The images as a read-only registry, `/v2/`: any engine pulls `HOST/PROJECT@sha256:…` from it."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from tagstone.adapters.oci_distribution import answer
from tagstone.ports import Registry

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def registry_router(registry: Registry) -> APIRouter:
    """Routes that answer the distribution API from `registry`."""
    router = APIRouter()

    @router.api_route("/v2/{path:path}", methods=_METHODS, include_in_schema=False)
    def distribution(request: Request) -> Response:
        reply = answer(registry, request.method, request.url.path, request.headers.get("Range"))
        if request.method == "HEAD" or isinstance(reply.body, list):
            return Response(b"".join(reply.body), reply.status, dict(reply.headers))
        return StreamingResponse(reply.body, reply.status, dict(reply.headers))

    return router
