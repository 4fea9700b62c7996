# What is secret is in Secrets alone, and comes as files.
package main

import rego.v1

secret_name(name) if {
	regex.match(`(PASSWORD|SECRET|TOKEN|KEY_RING|DATABASE_URL|REDIS_URL)$`, name)
}

secret_text(text) if {
	regex.match(`://[^/@\s]+:[^/@\s]+@|-----BEGIN [A-Z ]*PRIVATE KEY`, text)
}

deny contains sprintf("%s has %s, which is secret", [named(map), name]) if {
	some map in of_kind("ConfigMap")
	some name, text in map.data
	leaks(name, text)
}

deny contains sprintf("%s: container %s has %s in its manifest, which is secret", [named(owner), container.name, variable.name]) if {
	some [owner, container] in containers
	some variable in container.env
	leaks(variable.name, variable.value)
}

deny contains sprintf("%s: container %s has %s as a variable, which every process that it starts would see", [named(owner), container.name, variable.name]) if {
	some [owner, container] in containers
	some variable in container.env
	variable.valueFrom.secretKeyRef
}

leaks(name, _) if secret_name(name)

leaks(_, text) if secret_text(text)
