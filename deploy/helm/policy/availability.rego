# Replicas are asked how they are, are spread, and are not all evicted; a step that fails stops a rollout and can be looked at.
package main

import rego.v1

deny contains sprintf("%s has no PodDisruptionBudget", [named(deployment)]) if {
	some deployment in of_kind("Deployment")
	not deployment.spec.replicas == 0
	budgets := [one | some one in of_kind("PodDisruptionBudget"); selected(one.spec.selector, deployment.spec.template.metadata.labels)]
	count(budgets) != 1
}

deny contains sprintf("%s is not spread over %s", [named(deployment), key]) if {
	some deployment in of_kind("Deployment")
	some key in ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
	spreads := [one | some one in deployment.spec.template.spec.topologySpreadConstraints; one.topologyKey == key]
	count(spreads) != 1
}

deny contains sprintf("%s: container %s has no %s on its admin port", [named(deployment), container.name, probe]) if {
	some [deployment, container] in containers
	deployment.kind == "Deployment"
	some probe in ["livenessProbe", "readinessProbe", "startupProbe"]
	not container[probe].httpGet.port == "admin"
}

deny contains sprintf("%s stops an old replica before a new one is ready", [named(deployment)]) if {
	some deployment in of_kind("Deployment")
	not deployment.spec.strategy.rollingUpdate.maxUnavailable == 0
}

deny contains sprintf("%s is not given the time that it takes to stop", [named(deployment)]) if {
	some deployment in of_kind("Deployment")
	deployment.spec.template.spec.terminationGracePeriodSeconds < 25
}

deny contains sprintf("%s is scaled by two", [named(deployment)]) if {
	some deployment in of_kind("Deployment")
	scalers := [one | some one in objects; one.kind in {"HorizontalPodAutoscaler", "ScaledObject"}; one.spec.scaleTargetRef.name == deployment.metadata.name]
	count(scalers) > 1
}

deny contains sprintf("%s has a number of replicas and a scaler, which would fight", [named(deployment)]) if {
	some deployment in of_kind("Deployment")
	deployment.spec.replicas
	some one in objects
	one.kind in {"HorizontalPodAutoscaler", "ScaledObject"}
	one.spec.scaleTargetRef.name == deployment.metadata.name
}

deny contains sprintf("%s may run for ever", [named(job)]) if {
	some job in of_kind("Job")
	not job.spec.activeDeadlineSeconds
}

deny contains sprintf("%s takes the log of a failure with it", [named(job)]) if {
	some job in of_kind("Job")
	contains(job.metadata.annotations["helm.sh/hook-delete-policy"], "hook-failed")
}
