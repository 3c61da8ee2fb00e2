"""What ``deploy/`` holds can be read, and agrees with the settings and with itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from locum.config import GatewaySettings, LimitSettings, Settings, load_settings
from locum.errors import UsageError
from locum.serving.gateway import Gateway

if TYPE_CHECKING:
    from collections.abc import Iterator

yaml = pytest.importorskip("yaml", reason="PyYAML comes with the extras of the tests")

Yaml = dict[str, Any]
DEPLOY = Path(__file__).parent.parent / "deploy"
HOME = "/var/lib/locum"


def read(name: str) -> str:
    return (DEPLOY / name).read_text("utf-8")


def documents(name: str) -> list[Yaml]:
    return list(yaml.safe_load_all(read(name)))


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(DEPLOY / "locum.toml")


@pytest.fixture(scope="module")
def compose() -> Yaml:
    return documents("compose.yaml")[0]


@pytest.fixture(scope="module")
def manifests() -> Yaml:
    return {document["kind"]: document for document in documents("kubernetes.yaml")}


@pytest.fixture(scope="module")
def pod(manifests: Yaml) -> Yaml:
    found: Yaml = manifests["Deployment"]["spec"]["template"]["spec"]
    return found


@pytest.fixture(scope="module")
def container(pod: Yaml) -> Yaml:
    containers: list[Yaml] = pod["containers"]
    return containers[0]


def example() -> dict[str, str]:
    """The variables of ``env.example``."""
    lines = [line for line in read("env.example").splitlines() if line and line[0] != "#"]
    return dict(line.split("=", 1) for line in lines)


def unit() -> dict[str, list[str]]:
    """What the unit says, by name; a name may be there several times."""
    found: dict[str, list[str]] = {}
    for line in read("locum-gateway.service").splitlines():
        if line and line[0] not in "#[":
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


def docker() -> dict[str, list[str]]:
    """The instructions of the last stage of the Dockerfile, by name."""
    joined = read("Dockerfile").replace("\\\n", " ")
    stage = re.split(r"(?m)^(?=FROM )", joined)[-1]
    found: dict[str, list[str]] = {}
    for line in stage.splitlines():
        if line and line[0] != "#":
            name, value = line.split(" ", 1)
            found.setdefault(name, []).append(value.strip())
    return found


def seconds(text: str) -> float:
    assert text.endswith("s")
    return float(text[:-1])


def longest_stop(limits: LimitSettings) -> float:
    """Until a gateway that was told to stop has ended: running calls first, the recorder then."""
    return limits.notice_seconds + 2 * limits.drain_seconds


# The settings.


def test_the_settings_are_those_of_a_gateway_that_others_may_call(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in example():
        monkeypatch.setenv(name, f"some-{name}")
    gateway = settings.gateway
    place = settings.store.url
    assert place == "postgresql://"
    assert gateway.host == "0.0.0.0"  # noqa: S104 - of a container
    Gateway(gateway, place, settings.redaction, tmp_path, settings.prices)
    open_to_all = gateway.model_copy(update={"applications": {}})
    with pytest.raises(UsageError, match="declare who may"):
        Gateway(open_to_all, place, settings.redaction, tmp_path, settings.prices)


def test_a_key_that_was_left_empty_is_asked_for(settings: Settings, tmp_path: Path) -> None:
    names = {name for name, value in example().items() if not value}
    assert names == {"LOCUM_WEB_KEY", "OPENAI_API_KEY", "PGPASSWORD"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in example().items():
            patch.setenv(name, value)
        with pytest.raises(UsageError, match="is not set"):
            Gateway(settings.gateway, "postgresql://", settings.redaction, tmp_path)


def test_each_variable_that_the_settings_name_is_in_the_example(settings: Settings) -> None:
    gateway = settings.gateway
    named = {application.key_env for application in gateway.applications.values()}
    named |= {upstream.key_env for upstream in gateway.upstreams.values() if upstream.key_env}
    assert named < example().keys()
    assert {"PGHOST", "PGDATABASE", "PGUSER", "PGPASSWORD"} < example().keys()


def test_the_example_holds_no_secret_and_the_real_file_is_kept_out_of_git_and_images() -> None:
    assert ".env" in read(".gitignore").split()
    ignored, *kept = read("Dockerfile.dockerignore").split("\n*\n")[-1].splitlines()
    assert ignored == "!pyproject.toml"
    assert not any("deploy" in line for line in kept)
    for path in sorted(DEPLOY.iterdir()):
        if path.name != ".env":
            assert not re.search(r"sk-[A-Za-z0-9]{8}|-----BEGIN", path.read_text("utf-8")), path


# Compose.


def test_compose_gives_the_gateways_their_variables_and_settings(compose: Yaml) -> None:
    services = compose["services"]
    for name in ("gateway", "tools"):
        assert services[name]["env_file"] == ".env"
        assert "./locum.toml:/etc/locum/locum.toml:ro" in services[name]["volumes"]
        assert services[name]["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert services["gateway"]["deploy"]["replicas"] > 1
    assert f"home:{HOME}" in services["tools"]["volumes"]
    # Each gateway has a home of its own: the volume that the image declares.
    assert not any(HOME in volume for volume in services["gateway"]["volumes"])
    used = set(re.findall(r"(?<!\$)\$\{?([A-Z_]+)", read("compose.yaml")))
    assert used - {"LOCUM_IMAGE"} < example().keys()
    assert example()["PGHOST"] in services


def test_compose_lets_a_gateway_finish(compose: Yaml, settings: Settings) -> None:
    grace = seconds(compose["services"]["gateway"]["stop_grace_period"])
    assert grace > longest_stop(settings.gateway.limits)


def test_compose_is_reached_from_this_machine_alone(compose: Yaml) -> None:
    published = {name: service.get("ports", []) for name, service in compose["services"].items()}
    assert [port for ports in published.values() for port in ports] == ["127.0.0.1:8400:8400"]


def test_compose_names_volumes_and_files_that_are_there(compose: Yaml) -> None:
    mounted = [
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes", [])
    ]
    for source in mounted:
        assert source in compose["volumes"] or (DEPLOY / source).is_file(), source
    build = compose["services"]["gateway"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()


def test_the_proxies_pass_what_the_gateway_takes(settings: Settings) -> None:
    limits, haproxy, nginx = settings.gateway.limits, read("haproxy.cfg"), read("nginx.conf")
    for name in ("timeout client", "timeout server"):
        assert seconds(_word_after(haproxy, name)) > limits.answer_seconds
    assert int(_word_after(haproxy, "tune.bufsize")) > limits.head_bytes
    assert f"gateway:{settings.gateway.port}" in haproxy
    # A replica says that it is not ready for long enough that the proxy asks meanwhile.
    assert seconds(_word_after(haproxy, "inter")) < limits.notice_seconds / 2
    assert "httpchk GET /ready" in haproxy
    assert "proxy_buffering off;" in nginx
    assert seconds(_word_after(nginx, "proxy_read_timeout")) > limits.answer_seconds
    assert _word_after(nginx, "client_max_body_size") == f"{limits.body_bytes // 2**20}m"
    assert f"127.0.0.1:{settings.gateway.port};" in nginx


def _word_after(text: str, name: str) -> str:
    found = re.search(rf"(?m)\b{re.escape(name)} +([^ ;\n]+)", text)
    assert found, name
    return found[1]


def test_no_gateway_takes_all_memory_of_its_machine(compose: Yaml, container: Yaml) -> None:
    bounds = {name: service.get("mem_limit") for name, service in compose["services"].items()}
    assert bounds == {"proxy": "512m", "gateway": "2g", "tools": "2g", "db": "1g"}
    assert container["resources"]["limits"] == {"memory": "2Gi"}
    assert unit()["MemoryMax"] == ["2G"]


# The image.


def test_the_image_runs_a_gateway_as_nobody_special(settings: Settings) -> None:
    told = docker()
    assert told["USER"] == ["10001:10001"]
    assert told["VOLUME"] == [HOME]
    assert f"LOCUM_HOME={HOME}" in told["ENV"][0]
    assert told["WORKDIR"] == ["/etc/locum"]
    assert told["STOPSIGNAL"] == ["SIGTERM"]
    assert told["EXPOSE"] == [str(settings.gateway.port)]
    assert (told["ENTRYPOINT"], told["CMD"]) == (['["locum"]'], ['["gateway"]'])
    [check] = told["HEALTHCHECK"]
    assert "'/health'" in check
    assert f"'127.0.0.1', {settings.gateway.port}" in check
    compile(re.findall(r'"([^"]*)"', check)[-1], "HEALTHCHECK", "exec")


def test_the_image_is_made_from_files_that_are_there_and_not_left_out() -> None:
    kept = {line[1:] for line in read("Dockerfile.dockerignore").splitlines() if line[:1] == "!"}
    copied = {
        name
        for line in read("Dockerfile").splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    }
    assert copied == kept
    assert all((DEPLOY.parent / name).exists() for name in copied)


# Kubernetes.


def test_kubernetes_gives_the_gateways_their_variables_and_settings(
    pod: Yaml, container: Yaml
) -> None:
    [kustomization] = documents("kustomization.yaml")
    [secret], [config] = kustomization["secretGenerator"], kustomization["configMapGenerator"]
    assert secret["envs"] == [".env"]
    assert container["envFrom"] == [{"secretRef": {"name": secret["name"]}}]
    assert config["files"] == ["locum.toml"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["settings"]["configMap"] == {"name": config["name"]}
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert mounts["/etc/locum"] == "settings"
    assert mounts[HOME] == "home"
    assert volumes.keys() == set(mounts.values())
    assert [image["name"] for image in kustomization["images"]] == [container["image"]]
    assert kustomization["resources"] == ["kubernetes.yaml"]


def test_kubernetes_asks_the_right_pages_of_the_right_port(
    manifests: Yaml, container: Yaml, settings: Settings
) -> None:
    [port] = container["ports"]
    assert port["containerPort"] == settings.gateway.port
    [service] = manifests["Service"]["spec"]["ports"]
    assert (service["port"], service["targetPort"]) == (settings.gateway.port, port["name"])
    pages = {"startupProbe": "/health", "livenessProbe": "/health", "readinessProbe": "/ready"}
    for probe, page in pages.items():
        assert container[probe]["httpGet"] == {"path": page, "port": port["name"]}
    ready = container["readinessProbe"]
    soon = ready["periodSeconds"] * ready["failureThreshold"]
    assert soon < settings.gateway.limits.notice_seconds


def test_kubernetes_lets_a_gateway_finish_and_keeps_one(
    manifests: Yaml, pod: Yaml, settings: Settings
) -> None:
    assert pod["terminationGracePeriodSeconds"] > longest_stop(settings.gateway.limits)
    deployment = manifests["Deployment"]["spec"]
    assert deployment["replicas"] > manifests["PodDisruptionBudget"]["spec"]["minAvailable"] > 0
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels
    assert manifests["Service"]["spec"]["selector"] == labels
    assert manifests["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels


def test_kubernetes_runs_as_the_user_of_the_image(pod: Yaml, container: Yaml) -> None:
    user, group = docker()["USER"][0].split(":")
    context = pod["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"]) == (int(user), int(group))
    assert context["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


# systemd.


def test_the_unit_lets_a_gateway_finish_and_its_recorder_outlive_it(settings: Settings) -> None:
    told = unit()
    [stop] = told["TimeoutStopSec"]
    assert float(stop) > longest_stop(settings.gateway.limits)
    # A recorder is to write what it was given where the gateway dies.
    assert told["KillMode"] == ["control-group"]
    assert told["Restart"] == ["on-failure"]
    assert told["RestartPreventExitStatus"] == [str(UsageError.exit_code)]


def test_the_unit_may_write_to_its_home_alone() -> None:
    told = unit()
    [home], [state] = told["Environment"], told["StateDirectory"]
    assert home == f"LOCUM_HOME=/var/lib/{state}"
    assert told["WorkingDirectory"] == ["/etc/locum"]
    expected = {"DynamicUser": "yes", "ProtectSystem": "strict", "NoNewPrivileges": "yes"}
    assert {name: told[name] for name in expected} == {k: [v] for k, v in expected.items()}
    assert told["CapabilityBoundingSet"] == [""]


# Programs that read these files, where they are installed.


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for left in tmp_path.glob("*.pid"):
        left.unlink()


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, check=False, timeout=60
    )


def _find(program: str) -> str:
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def test_haproxy_takes_its_configuration() -> None:
    done = _run(_find("haproxy"), "-c", "-f", DEPLOY / "haproxy.cfg")
    assert done.returncode == 0, done.stderr


def test_nginx_takes_its_configuration(scratch: Path) -> None:
    whole = scratch / "nginx.conf"
    whole.write_text(
        f"events {{}} pid {scratch}/nginx.pid; error_log stderr;\n"
        f"http {{ access_log off; include {DEPLOY}/nginx.conf; }}\n"
    )
    done = _run(_find("nginx"), "-t", "-p", scratch, "-c", whole)
    assert done.returncode == 0, done.stderr


def test_systemd_takes_the_unit(scratch: Path) -> None:
    verify = _find("systemd-analyze")
    path = scratch / "locum-gateway.service"
    path.write_text(read(path.name).replace("/opt/locum/bin/locum", "/bin/sh"))
    done = _run(verify, "verify", path)
    assert "locum-gateway.service:" not in done.stderr
    assert done.returncode == 0, done.stderr


def test_kubectl_puts_the_manifests_together(scratch: Path) -> None:
    kubectl = _find("kubectl")
    for name in ("kubernetes.yaml", "kustomization.yaml", "locum.toml"):
        (scratch / name).write_text(read(name))
    (scratch / ".env").write_text(read("env.example"))
    done = _run(kubectl, "kustomize", scratch)
    assert done.returncode == 0, done.stderr
    made = {document["kind"]: document for document in yaml.safe_load_all(done.stdout)}
    spec = made["Deployment"]["spec"]["template"]["spec"]
    [container] = spec["containers"]
    assert made["Secret"]["data"].keys() == example().keys()
    assert container["envFrom"] == [{"secretRef": {"name": made["Secret"]["metadata"]["name"]}}]
    assert made["ConfigMap"]["data"]["locum.toml"] == read("locum.toml")
    name = made["ConfigMap"]["metadata"]["name"]
    assert {"name": "settings", "configMap": {"name": name}} in spec["volumes"]


def test_the_port_is_the_usual_one(settings: Settings) -> None:
    assert settings.gateway.port == GatewaySettings().port
