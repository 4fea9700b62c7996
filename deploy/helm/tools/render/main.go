// Renders a chart with each file of values that is named on the command line, by Helm's own engine and its check of the schema, and
// prints a JSON object a line: the manifests and the notes, or why there are none. It is `helm template` for many sets of values at
// once, without all that talks to a cluster; `make chart` has `helm` itself say the same.
package main

import (
	"encoding/json"
	"log"
	"os"
	"sort"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

type result struct {
	Manifests string `json:"manifests"`
	Notes     string `json:"notes"`
	Refused   string `json:"refused"`
}

func main() {
	release := common.ReleaseOptions{Name: os.Args[1], Namespace: os.Args[2], Revision: 1, IsInstall: true}
	loaded, err := loader.Load(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	out := json.NewEncoder(os.Stdout)
	for _, file := range os.Args[4:] {
		done, err := render(loaded, release, file)
		if err != nil {
			done = result{Refused: err.Error()}
		}
		if err := out.Encode(done); err != nil {
			log.Fatal(err)
		}
	}
}

func render(loaded *chart.Chart, release common.ReleaseOptions, file string) (result, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return result{}, err
	}
	given := map[string]any{}
	if err := yaml.Unmarshal(text, &given); err != nil {
		return result{}, err
	}
	values, err := util.ToRenderValues(loaded, given, release, common.DefaultCapabilities)
	if err != nil {
		return result{}, err
	}
	files, err := engine.Render(loaded, values)
	if err != nil {
		return result{}, err
	}
	return sorted(files), nil
}

func sorted(files map[string]string) result {
	var done result
	var manifests []string
	for name, text := range files {
		switch {
		case strings.HasSuffix(name, "NOTES.txt"):
			done.Notes = text
		case strings.HasSuffix(name, ".yaml") && strings.TrimSpace(text) != "":
			manifests = append(manifests, "---\n# Source: "+name+"\n"+text+"\n")
		}
	}
	sort.Strings(manifests)
	done.Manifests = strings.Join(manifests, "")
	return done
}
