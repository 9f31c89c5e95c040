"""Who may ask what: one account, whose roles say which verbs it has [doc: RBAC]."""

from dataclasses import dataclass, field

from fakes.kubernetes.calls import Call, Refused, Reply
from fakes.kubernetes.state import RESOURCES, Json

USER = "system:serviceaccount:tagstone:tagstone"


@dataclass
class Access:
    """May do everything but what was taken away: pairs of verb and resource (`*` for all verbs)."""

    token: str
    taken: set[tuple[str, str]] = field(default_factory=set)

    def check(self, call: Call) -> None:
        """Raises: Refused with 401 for strangers, and 403 in the API's words."""
        self.know(call.headers.get("authorization", ""))
        resource = f"{call.resource.plural}/{call.part}" if call.part else call.resource.plural
        if not self.may(call.verb, resource):
            where = f' in the namespace "{call.namespace}"' if call.namespace else " at the cluster scope"
            what = f'User "{USER}" cannot {call.verb} resource "{resource}" in API group "{call.resource.group}"{where}'
            name = f' "{call.name}"' if call.name else ""
            raise Refused(403, f"{call.resource.qualified}{name} is forbidden: {what}", name=call.name)

    def know(self, given: str) -> None:
        """Raises: Refused with 401 for strangers."""
        if given != f"Bearer {self.token}":
            raise Refused(401, "Unauthorized")

    def may(self, verb: str, resource: str) -> bool:
        """Whether the account has a verb."""
        return not {(verb, resource), ("*", resource), ("*", "*")} & self.taken

    def review(self, body: Json) -> Reply:
        """POST selfsubjectaccessreviews: may I? [doc: authorization]."""
        asked = body["spec"]["resourceAttributes"]
        part = asked.get("subresource")
        plural = f"{asked['resource']}/{part}" if part else asked["resource"]
        allowed = asked["resource"] in RESOURCES and self.may(asked["verb"], plural)
        return Reply(201, {**body, "status": {"allowed": allowed, **({} if allowed else {"reason": ""})}})
