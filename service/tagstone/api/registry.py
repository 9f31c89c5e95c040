"""The images as a read-only registry, `/v2/`: any engine pulls `HOST/PROJECT@sha256:…` from it."""

from collections.abc import Callable

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from tagstone.adapters.oci_distribution import answer
from tagstone.ports import Registry

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def registry_router(registry: Registry, closed: Callable[[str], bool] = lambda _image: False) -> APIRouter:
    """Routes that answer the distribution API from `registry`, but for images (`name@digest`) that are `closed`.

    Without its manifest nobody knows what an image consists of: the blobs themselves are found by their digests only.
    """
    router = APIRouter()

    @router.api_route("/v2/{path:path}", methods=_METHODS, include_in_schema=False)
    def distribution(request: Request) -> Response:
        reply = answer(registry, request.method, request.url.path, request.headers.get("Range"))
        name, manifests, _ = request.url.path.removeprefix("/v2/").rpartition("/manifests/")
        if manifests and closed(f"{name}@{reply.headers.get('Docker-Content-Digest', '')}"):
            return Response(status_code=404, headers={"Docker-Distribution-Api-Version": "registry/2.0"})
        if request.method == "HEAD" or isinstance(reply.body, list):
            return Response(b"".join(reply.body), reply.status, dict(reply.headers))
        return StreamingResponse(reply.body, reply.status, dict(reply.headers))

    return router
