# Pods are what Kubernetes' Pod Security Standards call restricted, and a little more.
package main

import rego.v1

deny contains sprintf("%s: its pods may run as root", [named(owner)]) if {
	some [owner, pod] in pods
	not pod.spec.securityContext.runAsNonRoot
}

deny contains sprintf("%s: its pods have no seccomp profile", [named(owner)]) if {
	some [owner, pod] in pods
	not pod.spec.securityContext.seccompProfile.type == "RuntimeDefault"
}

deny contains sprintf("%s: its pods are given a token of their service account", [named(owner)]) if {
	some [owner, pod] in pods
	not pod.spec.automountServiceAccountToken == false
}

deny contains sprintf("%s: its pods share the node's %s", [named(owner), what]) if {
	some [owner, pod] in pods
	some what in ["hostNetwork", "hostPID", "hostIPC"]
	pod.spec[what]
}

deny contains sprintf("%s: its pods have a volume of a kind that is not allowed", [named(owner)]) if {
	some [owner, pod] in pods
	some volume in pod.spec.volumes
	count(object.keys(volume) & {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}) == 0
}

deny contains sprintf("%s: container %s may gain privileges", [named(owner), container.name]) if {
	some [owner, container] in containers
	not container.securityContext.allowPrivilegeEscalation == false
}

deny contains sprintf("%s: container %s keeps capabilities", [named(owner), container.name]) if {
	some [owner, container] in containers
	not drops_all(container)
}

drops_all(container) if "ALL" in container.securityContext.capabilities.drop

deny contains sprintf("%s: container %s may write to its root", [named(owner), container.name]) if {
	some [owner, container] in containers
	not container.securityContext.readOnlyRootFilesystem
}

deny contains sprintf("%s: container %s has no limit of memory, or asks for none", [named(owner), container.name]) if {
	some [owner, container] in containers
	not has_memory(container)
}

has_memory(container) if {
	container.resources.limits.memory
	container.resources.requests.memory
}

deny contains sprintf("%s: container %s has a limit of the processor, which stops it in the midst of leases", [named(owner), container.name]) if {
	some [owner, container] in containers
	container.resources.limits.cpu
}

deny contains sprintf("%s: the image of container %s may be another one tomorrow", [named(owner), container.name]) if {
	some [owner, container] in containers
	not regex.match(`(:[A-Za-z0-9_][A-Za-z0-9._-]*|@sha256:[0-9a-f]{64})$`, container.image)
}
