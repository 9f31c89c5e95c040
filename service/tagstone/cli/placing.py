"""What `check --cluster` adds: whether a cluster of this site could ever run it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tagstone.actions.check import CheckReport
    from tagstone.actions.check_cluster import ClusterReport
    from tagstone.bootstrap import Application


def placed(application: "Application", report: "CheckReport") -> "ClusterReport | None":
    """Look at the cluster that the run would go to; None where nothing is run, or the manifest cannot be read."""
    if report.manifest is None or report.manifest.run is None:
        return None
    from tagstone.actions.check_cluster import check_cluster

    return check_cluster(report.manifest.run.resources, application.clusters.views(report.project.key))
