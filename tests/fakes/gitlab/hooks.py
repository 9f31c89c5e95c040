"""Hooks of projects, as API v4 makes, shows, tests and removes them."""

import base64
import binascii

from fakes.gitlab.calls import Call, Refused, Reply, refused
from fakes.gitlab.deliveries import Sender, pipeline_event, tag_pushes
from fakes.gitlab.state import MAINTAINER, Hook, Json, Project, World

_EVENTS = ("push_events", "tag_push_events", "releases_events", "pipeline_events", "job_events")


def list_hooks(call: Call, _: Sender) -> Reply:
    """GET /projects/:id/hooks, for maintainers [doc: project_webhooks.md]."""
    project = call.project(MAINTAINER)
    return call.pages([_shown(call.world, hook) for hook in project.hooks.values()])


def get_hook(call: Call, _: Sender) -> Reply:
    """GET /projects/:id/hooks/:hook_id [doc: project_webhooks.md]."""
    return Reply(document=_shown(call.world, _hook(call, call.project(MAINTAINER))))


def create_hook(call: Call, _: Sender) -> Reply:
    """POST /projects/:id/hooks [doc: project_webhooks.md]; pushes are wanted where nothing is said [src: db default]."""
    project = call.project(MAINTAINER)
    events = {name: bool(call.body.get(name, name == "push_events")) for name in _EVENTS}
    hook = Hook(call.world.number(), call.word("url"), project.id, events)
    if not hook.url.startswith(("http://", "https://")):
        raise refused(422, "Invalid url given")
    _take_tokens(hook, call.body)
    project.hooks[hook.id] = hook
    return Reply(201, _shown(call.world, hook))


def edit_hook(call: Call, _: Sender) -> Reply:
    """PUT /projects/:id/hooks/:hook_id: another address loses the secret token [doc: project_webhooks.md]."""
    hook = _hook(call, call.project(MAINTAINER))
    if hook.url != call.word("url"):
        hook.url, hook.secret = call.word("url"), None
    hook.events |= {name: bool(call.body[name]) for name in _EVENTS if name in call.body}
    _take_tokens(hook, call.body)
    return Reply(document=_shown(call.world, hook))


def delete_hook(call: Call, _: Sender) -> Reply:
    """DELETE /projects/:id/hooks/:hook_id [doc: project_webhooks.md]; one that is gone is 404 [src: hooks.rb]."""
    project = call.project(MAINTAINER)
    del project.hooks[_hook(call, project).id]
    return Reply(204)


def test_hook(call: Call, sender: Sender) -> Reply:
    """POST /projects/:id/hooks/:hook_id/test/:trigger sends made-up events; what refuses them is 422 [doc; src: hooks.rb]."""
    project = call.project(MAINTAINER)
    hook, trigger = _hook(call, project), call.given["trigger"]
    tags = project.repository.tags()
    if trigger not in ("tag_push_events", "pipeline_events") or not tags or call.person is None:
        raise refused(422, f"Ensure the project has {trigger.removesuffix('_events')}s.")
    name, target = str(tags[0]["name"]), str(tags[0]["target"])
    if trigger == "tag_push_events":
        payload = tag_pushes(call.world, project, [(name, "0" * 40, target)], call.person)[0]
    else:
        payload = pipeline_event(call.world, project, name, "success", call.world.number())
    answered = sender.send(hook, trigger, payload).result()
    if answered.status is None or answered.status >= 400:
        raise refused(422, f"Hook executed but returned HTTP {answered.status}")
    return Reply(201, {"message": "201 Created"})


def _hook(call: Call, project: Project) -> Hook:
    found = project.hooks.get(int(call.given["hook"]))
    if found is None:
        raise refused(404, "404 Not found")
    return found


def _take_tokens(hook: Hook, body: Json) -> None:
    """A signing token is `whsec_` and the base64 of 32 bytes [src: MR 231325]."""
    hook.secret = body.get("token", hook.secret)
    signing = body.get("signing_token")
    if signing is None:
        return
    try:
        size = len(base64.b64decode(str(signing).removeprefix("whsec_"), validate=True))
    except binascii.Error:
        size = 0
    if not str(signing).startswith("whsec_") or size != 32:
        raise Refused(422, {"message": {"signing_token": ["is invalid"]}})
    hook.signing = str(signing)


def _shown(world: World, hook: Hook) -> Json:
    """Neither token is ever returned, only whether there is one [doc: webhooks.md]."""
    resting = hook.until is not None and hook.until > world.now()
    return {
        "id": hook.id,
        "url": hook.url,
        "name": "",
        "description": "",
        "project_id": hook.project,
        **hook.events,
        "enable_ssl_verification": True,
        "token_present": hook.secret is not None,
        "signing_token_present": hook.signing is not None,
        "alert_status": "disabled" if hook.failures >= 40 else "temporarily_disabled" if resting else "executable",
        "created_at": "2026-11-21T12:00:00.000Z",
    }
