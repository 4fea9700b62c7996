{{/*
One pod's spec, the same for services, hooks and cron jobs. Given a dict: `root`, `image` (whose), `name` (of the container), `env`
(YAML, beside the instance's name), `config` (a ConfigMap of more), `sources` (YAML, of the files below /etc/malipo), and what
differs: `command`, `args`, `service` (where it runs, and its resources), `ports`, `probes`, `restartPolicy`, `grace`, `account`,
`archive` (a claim), `spread` (labels).
*/}}
{{- define "malipo.pod" -}}
{{- $root := .root -}}
{{- $sources := trim (.sources | default "") -}}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .account }}
serviceAccountName: {{ . }}
{{- end }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .restartPolicy }}
restartPolicy: {{ . }}
{{- end }}
{{- with .grace }}
terminationGracePeriodSeconds: {{ . }}
{{- end }}
{{- with .service.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .service.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .service.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .service.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .spread }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: {{ $.service.spread }}
    labelSelector:
      matchLabels:
        {{- $.spread | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
  {{- with $root.Values.podSecurityContext }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
containers:
  - name: {{ .name }}
    image: {{ include "malipo.image" (list $root .image) }}
    imagePullPolicy: {{ $root.Values.image.pullPolicy }}
    {{- with .command }}
    command: {{ toJson . }}
    {{- end }}
    {{- with .args }}
    args: {{ toJson . }}
    {{- end }}
    {{- with .env }}
    env:
      {{- . | nindent 6 }}
    {{- end }}
    {{- with .config }}
    envFrom:
      - configMapRef: { name: {{ . }} }
    {{- end }}
    {{- with .ports }}
    ports:
      {{- . | nindent 6 }}
    {{- end }}
    {{- with .probes }}
    {{- . | nindent 4 }}
    {{- end }}
    resources:
      {{- toYaml .service.resources | nindent 6 }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: { drop: [ALL] }
    volumeMounts:
      - { name: tmp, mountPath: /tmp }
      {{- if $sources }}
      - { name: malipo, mountPath: /etc/malipo, readOnly: true }
      {{- end }}
      {{- if .archive }}
      - { name: archive, mountPath: /archive }
      {{- end }}
volumes:
  - name: tmp
    emptyDir: { sizeLimit: 64Mi }
  {{- with $sources }}
  - name: malipo
    projected:
      defaultMode: 0440
      sources:
        {{- . | nindent 8 }}
  {{- end }}
  {{- with .archive }}
  - name: archive
    persistentVolumeClaim: { claimName: {{ . }} }
  {{- end }}
{{- end }}

{{/* The template of pods that end, of hooks, cron jobs and shells: what `malipo.pod` is given, and `component`. */}}
{{- define "malipo.endingPod" -}}
metadata:
  labels:
    {{- include "malipo.podLabels" (list .root .component) | nindent 4 }}
    {{- with .root.Values.jobs.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .root.Values.jobs.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "malipo.pod" (set . "restartPolicy" "Never") | nindent 2 }}
{{- end }}

{{/* Environment variables with plain values, from a YAML map. */}}
{{- define "malipo.env" -}}
{{- range $name, $value := . | fromYaml }}
- { name: {{ $name }}, value: {{ $value | toString | quote }} }
{{- end }}
{{- end }}

{{/* What is told to a step that only needs the database: the owner's URL. */}}
{{- define "malipo.ownerEnv" -}}
{{ include "malipo.environment" . }}
DATABASE_URL_FILE: /etc/malipo/secrets/database-url
{{- end }}

{{/* Its files: (list root secret). */}}
{{- define "malipo.ownerSources" -}}
{{ include "malipo.secretSource" (list (index . 1) "database-url") }}
{{ include "malipo.caSource" (list (index . 0).Values.database.ca "tls/database-ca.pem") }}
{{- end }}
