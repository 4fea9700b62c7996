# Who reaches whom: nothing but what is allowed, the public at two kinds of doors, and the Internet without the inside.
package main

import rego.v1

internet_never := {"10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"}

policies := of_kind("NetworkPolicy")

deny contains sprintf("%s: no policy denies its pods all that is not allowed", [named(owner)]) if {
	count(policies) > 0
	some [owner, pod] in pods
	denying := [one | some one in policies; denies_all(one); selected(one.spec.podSelector, pod.metadata.labels)]
	count(denying) == 0
}

denies_all(policy) if {
	{"Ingress", "Egress"} == {type | some type in policy.spec.policyTypes}
	not policy.spec.ingress
	not policy.spec.egress
	not policy.spec.podSelector.matchExpressions
}

deny contains sprintf("%s allows %s without all of the inside", [named(policy), block.cidr]) if {
	some policy in policies
	some rule in policy.spec.egress
	block := rule.to[_].ipBlock
	block.cidr == "0.0.0.0/0"
	count(internet_never - {one | some one in block.except}) > 0
}

deny contains sprintf("%s allows everything", [named(policy)]) if {
	some policy in policies
	some rule in array.concat(object.get(policy.spec, "egress", []), object.get(policy.spec, "ingress", []))
	not rule.ports
}

deny contains sprintf("%s leads to %s at %s", [named(ingress), path.backend.service.name, path.path]) if {
	some ingress in of_kind("Ingress")
	some path in ingress.spec.rules[_].http.paths
	not is_public(path)
}

is_public(path) if {
	path.path == "/"
	path.backend.service.port.name == "http"
	component_of(path.backend.service.name) == "gateway"
}

is_public(path) if {
	regex.match(`^/(callbacks|webhook)/`, path.path)
	path.backend.service.port.name == "http"
	startswith(component_of(path.backend.service.name), "provider-")
}

component_of(service) := component if {
	some one in of_kind("Service")
	one.metadata.name == service
	component := one.spec.selector["app.kubernetes.io/component"]
}

deny contains sprintf("%s is reached from outside of the cluster", [named(service)]) if {
	some service in of_kind("Service")
	object.get(service.spec, "type", "ClusterIP") != "ClusterIP"
}
