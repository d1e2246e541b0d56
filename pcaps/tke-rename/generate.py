"""Make incident.pcap, services.yaml and truth.json of this folder with the lab (root, Envoy).

    python pcaps/tke-rename/generate.py

A client calls `reviews` through two real Envoys per request; in the middle the port's new name is
pushed to the running proxies, as Istio's control plane does after a Service was edited.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "lab"))

from meshlab.case import Case
from meshlab.cluster import SECOND_POD, SERVER_POD, LabError, check_host, running_cluster
from meshlab.declared import Declared
from meshlab.release import RELEASES
from meshlab.runner import run_case
from meshlab.scenario import Application, Expectation, Scenario

HERE = Path(__file__).resolve().parent
MESH_VERSION = "1.3.6"
RENAMED = Declared("tcp-9080-8080", port=8080, target_port=9080, pods=(SERVER_POD, SECOND_POD))
"""As the console has it: `tcp-<targetPort>-<port>`."""
SCENARIO = Scenario(
    "tke-rename",
    "a console edit renames shop/reviews' port from http-web: its HTTP routes stop applying",
    (RENAMED,),
    Application("http", "shopping", "http", second_server="canary"),
    {MESH_VERSION: Expectation("mismatch", ("http-on-opaque-port",))},
    points=("c-any",),
    renamed_from="http-web",
    routed_to=(SERVER_POD,),
)


def main() -> None:
    """Write the three files beside this one."""
    check_host()
    case = Case(SCENARIO, RELEASES[MESH_VERSION], mtls=False)
    with tempfile.TemporaryDirectory(prefix="sniffdiag-lab-") as temporary:
        logs = Path(temporary)
        logs.chmod(0o755)
        with running_cluster(logs) as cluster:
            measured = run_case(cluster, case, logs)
        made = logs / case.folder
        (HERE / "incident.pcap").write_bytes((made / "c-any.pcap").read_bytes())
        (HERE / "services.yaml").write_bytes((made / "services.yaml").read_bytes())
        known = (
            (made / "truth.json").read_text(encoding="utf-8").replace("c-any.pcap", "incident.pcap")
        )
        (HERE / "truth.json").write_text(known, encoding="utf-8")
    print(f"renamed at {measured.renamed_at}: {measured.client}")


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(str(error))
