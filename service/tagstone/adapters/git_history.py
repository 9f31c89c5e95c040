"""Who committed to a local Git repository, and how often; names as its .mailmap has them."""

from collections import Counter

from tagstone.adapters.git_command import Git
from tagstone.domain.proposal.people import Contribution

_COMMITS = 100_000
_LONGEST = 200


class GitHistory:
    """The history of repositories of this machine; `program` is the git executable."""

    def __init__(self, program: str = "git") -> None:
        self._program = program

    def contributions(self, location: str) -> tuple[Contribution, ...]:
        """Names and addresses of authors with their number of commits, of the newest 100,000; most first."""
        git = Git.at(location, self._program)
        # A repository's own settings may name any file as the mailmap; only the one in its tree counts.
        log = git.records(
            "-c", "mailmap.file=/dev/null", "-c", "log.mailmap=true", "log", "-z", f"--max-count={_COMMITS}",
            "--no-show-signature", "--format=%aN%n%aE", "HEAD",
        )  # fmt: skip
        counts = Counter(record.decode("utf-8", "replace")[: 2 * _LONGEST] for record in log if record.strip())
        parted = ((text.partition("\n"), number) for text, number in counts.most_common())
        return tuple(Contribution(name[:_LONGEST], email[:_LONGEST], number) for (name, _, email), number in parted)

    def tags(self, location: str) -> tuple[str, ...]:
        """The newest 100 tags, newest first."""
        git = Git.at(location, self._program)
        listed = git.run("for-each-ref", "--sort=-creatordate", "--count=100", "--format=%(refname:strip=2)", "refs/tags")
        return tuple(listed.decode("utf-8", "replace").splitlines())
