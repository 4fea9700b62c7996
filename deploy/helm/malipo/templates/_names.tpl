{{/* The release's name for all objects. */}}
{{- define "malipo.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name -}}
{{- end -}}
{{- end }}

{{/* The name of one object: (list root suffix [longest]). One that is too long ends with a hash of what was cut off. */}}
{{- define "malipo.name" -}}
{{- $root := index . 0 -}}
{{- $name := printf "%s-%s" (include "malipo.fullname" $root) (index . 1) -}}
{{- $longest := 63 -}}
{{- if gt (len .) 2 -}}{{- $longest = index . 2 -}}{{- end -}}
{{- if gt (len $name) $longest -}}
{{- printf "%s-%s" ($name | trunc (int (sub $longest 9)) | trimSuffix "-") ($name | sha256sum | trunc 8) -}}
{{- else -}}
{{- $name -}}
{{- end -}}
{{- end }}

{{/* What tells the pods of a component apart, for good: (list root component). */}}
{{- define "malipo.selector" -}}
app.kubernetes.io/name: {{ (index . 0).Chart.Name }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Labels of every object: (list root component). */}}
{{- define "malipo.labels" -}}
{{- $root := index . 0 -}}
{{ include "malipo.selector" . }}
app.kubernetes.io/part-of: malipo
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 }}
{{- end }}

{{/* Labels of pods, which a new version of the chart alone does not replace: (list root component). */}}
{{- define "malipo.podLabels" -}}
{{ include "malipo.selector" . }}
app.kubernetes.io/part-of: malipo
{{- end }}

{{/* Metadata of an object: (list root suffix component). */}}
{{- define "malipo.metadata" -}}
name: {{ include "malipo.name" (list (index . 0) (index . 1)) }}
namespace: {{ (index . 0).Release.Namespace }}
labels:
  {{- include "malipo.labels" (list (index . 0) (index . 2)) | nindent 2 }}
{{- end }}

{{/* A value as an environment variable has it: whole numbers without an exponent, maps as JSON. */}}
{{- define "malipo.text" -}}
{{- if kindIs "float64" . -}}
{{- if eq (floor .) . -}}{{- printf "%.0f" . -}}{{- else -}}{{- . -}}{{- end -}}
{{- else if or (kindIs "map" .) (kindIs "slice" .) -}}
{{- toJson . -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end }}
