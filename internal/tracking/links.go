package tracking

import "net/url"

// Links are the addresses of MLflow's pages for people.
type Links struct {
	base string
}

// Links returns the addresses below the configured UIURL.
func (c *Client) Links() Links { return Links{base: c.ui} }

// Home is the front page.
func (l Links) Home() string { return l.base + "/" }

// Experiment lists the experiment's runs.
func (l Links) Experiment(id string) string {
	return l.base + "/#/experiments/" + url.PathEscape(id) + "/runs"
}

// Run shows one run.
func (l Links) Run(experimentID, runID string) string {
	return l.base + "/#/experiments/" + url.PathEscape(experimentID) + "/runs/" + url.PathEscape(runID)
}

// LoggedModel shows a model with its metrics, before and apart from any registration.
func (l Links) LoggedModel(experimentID, modelID string) string {
	return l.base + "/#/experiments/" + url.PathEscape(experimentID) + "/models/" + url.PathEscape(modelID)
}

// RegisteredModel shows a model's versions and aliases.
func (l Links) RegisteredModel(name string) string {
	return l.base + "/#/models/" + url.PathEscape(name)
}

// Version shows one version of a registered model.
func (l Links) Version(name, number string) string {
	return l.base + "/#/models/" + url.PathEscape(name) + "/versions/" + url.PathEscape(number)
}
