# What rules of all files are about: the objects of one release, given with --combine, and the pods that they make.
package main

import rego.v1

objects := [one.contents | some one in input; one.contents.kind]

of_kind(kind) := [one | some one in objects; one.kind == kind]

named(one) := sprintf("%s %s", [one.kind, one.metadata.name])

# [owner, pod template]
pods contains [owner, owner.spec.template] if {
	some owner in objects
	owner.kind in {"Deployment", "Job"}
}

pods contains [owner, owner.spec.jobTemplate.spec.template] if {
	some owner in of_kind("CronJob")
}

# [owner, container]
containers contains [owner, container] if {
	some [owner, pod] in pods
	some container in array.concat(pod.spec.containers, object.get(pod.spec, "initContainers", []))
}

# Whether labels are those that a selector asks for.
selected(selector, labels) if {
	every key, value in selector.matchLabels {
		labels[key] == value
	}
}
