"""The process entry of the receivers: `tagstone-webhooks serve`."""

import typer
import uvicorn
from starlette.applications import Starlette

from tagstone.adapters.system_clock import SystemClock
from tagstone.adapters.vault import FernetVault
from tagstone.adapters.workqueue import DurableQueue
from tagstone.store.migrations import current, head
from tagstone.store.session import Sessions, build_engine, database_url
from tagstone_webhooks.app import create_app
from tagstone_webhooks.receive import Receiver
from tagstone_webhooks.settings import ReceiverSettings

_PATIENCE = 10  # seconds for deliveries under way when the receiver is told to end
_SILENCE = 60  # seconds after which a process of several that does not answer is replaced; under load they may be slow

main = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@main.callback()
def receivers() -> None:
    """Receive what GitLab's hooks deliver."""


@main.command()
def serve() -> None:
    """Serve until a signal ends it.

    Each delivery is verified, written down and its work queued in one transaction, and then answered. The tables are made by the
    service: `tagstone db upgrade`.
    """
    settings = ReceiverSettings()
    engine = build_engine(_database(settings), settings.database.lock_timeout)
    if current(engine) != head():
        typer.echo(
            "The database has another version's tables. Run `tagstone db upgrade`, then start the receivers again.", err=True
        )
        raise typer.Exit(8)
    engine.dispose()
    uvicorn.run(
        "tagstone_webhooks.__main__:listening",
        factory=True,
        host=settings.receiving.host,
        port=settings.receiving.port,
        workers=settings.receiving.processes,
        server_header=False,
        proxy_headers=False,
        access_log=False,
        lifespan="off",
        ws="none",
        log_level="warning",
        timeout_graceful_shutdown=_PATIENCE,
        timeout_worker_healthcheck=_SILENCE,
    )


def listening() -> Starlette:
    """The application of one process, as the settings say."""
    settings = ReceiverSettings()
    engine = build_engine(_database(settings), settings.database.lock_timeout)
    vault = FernetVault([key.get_secret_value() for key in settings.hook_keys])
    return create_app(Receiver(Sessions(engine), DurableQueue(engine), vault, SystemClock()))


def _database(settings: ReceiverSettings) -> str:
    return database_url(settings.database.url, settings.home.expanduser().absolute())


if __name__ == "__main__":
    main()
