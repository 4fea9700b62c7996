"""Containers as manifests describe them: what each is started with, and the files that it is given. No more of the chart is known here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from helm.rendering import Object

HOOK = "helm.sh/hook"
_WEIGHT = "helm.sh/hook-weight"

type Data = Mapping[tuple[str, str], Mapping[str, str]]
"""What is in each ConfigMap and Secret, by kind and name: those of the release, and those that were there before."""


class Missing(LookupError):
    """Something that a container names is nowhere; the text says what."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A request that a container has to answer with 2xx."""

    path: str
    port: int
    seconds: float
    """How long it may take from the start until it does, at the most."""


@dataclass(frozen=True, kw_only=True)
class Container:
    """One container, by its pod's name."""

    name: str
    component: str
    image: str
    command: Sequence[str]
    arguments: Sequence[str]
    environment: Mapping[str, str]
    files: Mapping[str, str]
    """The text of each file, by its path."""
    mounted: Sequence[str]
    """Where these are mounted, to be read."""
    empty: Sequence[str]
    """Folders that may be written to."""
    ports: Mapping[str, int]
    probes: Mapping[str, Probe] = field(default_factory=dict[str, Probe])
    security: Mapping[str, Any]
    """Of the pod and of the container, which says more."""
    memory: str
    """The most that it may take."""
    grace_seconds: float
    deadline_seconds: float


def hooks(objects: Iterable[Object]) -> list[Object]:
    """What Helm makes before the release itself, in its order."""
    found = [one for one in objects if HOOK in _annotations(one)]
    return sorted(
        found, key=lambda one: (int(_annotations(one).get(_WEIGHT, "0")), one["kind"], one["metadata"]["name"])
    )


def released(objects: Iterable[Object]) -> list[Object]:
    """What is of the release itself."""
    return [one for one in objects if HOOK not in _annotations(one)]


def data_of(objects: Iterable[Object]) -> dict[tuple[str, str], Mapping[str, str]]:
    """What ConfigMaps and Secrets among these have."""
    return {
        (one["kind"], one["metadata"]["name"]): {**one.get("data", {}), **one.get("stringData", {})}
        for one in objects
        if one["kind"] in ("ConfigMap", "Secret")
    }


def container(owner: Object, data: Data) -> Container:
    """The one container of a Deployment's, Job's or CronJob's pods. Raises `Missing`."""
    spec = owner["spec"].get("jobTemplate", owner)["spec"]
    pod = spec["template"]
    (inside,) = pod["spec"]["containers"]
    name = f"{owner['metadata']['name']}-0"
    ports = {port["name"]: port["containerPort"] for port in inside.get("ports", ())}
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", ())}
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in inside.get("volumeMounts", ())}
    return Container(
        name=name,
        component=pod["metadata"]["labels"]["app.kubernetes.io/component"],
        image=inside["image"],
        command=inside.get("command", ()),
        arguments=inside.get("args", ()),
        environment=_environment(inside, data, {"metadata.name": name}),
        files={f"{at}/{path}": text for at, volume in mounts.items() for path, text in _files(volume, data).items()},
        mounted=[at for at, volume in mounts.items() if "projected" in volume],
        empty=[at for at, volume in mounts.items() if "emptyDir" in volume],
        ports=ports,
        probes={which: _probe(inside[which], ports) for which in ("startupProbe", "readinessProbe") if which in inside},
        security=pod["spec"]["securityContext"] | inside["securityContext"],
        memory=inside["resources"]["limits"]["memory"],
        grace_seconds=pod["spec"].get("terminationGracePeriodSeconds", 30),
        deadline_seconds=spec.get("activeDeadlineSeconds", 60),
    )


def _annotations(one: Object) -> Mapping[str, str]:
    return one["metadata"].get("annotations") or {}


def _environment(inside: Object, data: Data, fields: Mapping[str, str]) -> dict[str, str]:
    """As a kubelet makes it: what single variables say comes before what a whole ConfigMap does."""
    found: dict[str, str] = {}
    for source in inside.get("envFrom", ()):
        found |= _read(data, "ConfigMap", source["configMapRef"]["name"])
    for variable in inside.get("env", ()):
        found[variable["name"]] = _value(variable, data, fields)
    return found


def _value(variable: Object, data: Data, fields: Mapping[str, str]) -> str:
    match variable:
        case {"value": str(text)}:
            return text
        case {"valueFrom": {"fieldRef": {"fieldPath": path}}}:
            return fields[path]
        case {"valueFrom": {"secretKeyRef": {"name": name, "key": key}}}:
            return _key(data, "Secret", name, key)
        case _:
            msg = f"this says no value: {variable}"
            raise Missing(msg)


def _files(volume: Object, data: Data) -> dict[str, str]:
    """The files of a projected volume, by their paths in it."""
    found: dict[str, str] = {}
    for source in volume.get("projected", {}).get("sources", ()):
        ((kind, of),) = source.items()
        for item in of["items"]:
            found[item["path"]] = _key(
                data, {"secret": "Secret", "configMap": "ConfigMap"}[kind], of["name"], item["key"]
            )
    return found


def _key(data: Data, kind: str, name: str, key: str) -> str:
    if key not in (texts := _read(data, kind, name)):
        msg = f"the {kind} {name} has no {key}"
        raise Missing(msg)
    return texts[key]


def _read(data: Data, kind: str, name: str) -> Mapping[str, str]:
    if (kind, name) not in data:
        msg = f"there is no {kind} {name}"
        raise Missing(msg)
    return data[kind, name]


def _probe(probe: Object, ports: Mapping[str, int]) -> Probe:
    request = probe["httpGet"]
    port = request["port"]
    return Probe(
        path=request["path"],
        port=ports[port] if isinstance(port, str) else port,
        seconds=probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3),
    )
