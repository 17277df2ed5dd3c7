package tracking

import "net/url"

// Links are the addresses of MLflow's pages for people.
type Links struct {
	base string
}

// Links returns the addresses below the configured UIURL.
func (c *Client) Links() Links { return Links{base: c.ui} }

// training opens MLflow on its pages for model training; a browser that is new to the
// server would else be shown those for language models.
const training = "?workflowType=machine_learning"

// Home is the front page.
func (l Links) Home() string { return l.base + "/" }

// Experiment lists the experiment's runs.
func (l Links) Experiment(id string) string {
	return l.base + "/#/experiments/" + url.PathEscape(id) + "/runs" + training
}

// Run shows one run.
func (l Links) Run(experimentID, runID string) string {
	return l.base + "/#/experiments/" + url.PathEscape(experimentID) + "/runs/" + url.PathEscape(runID) + training
}

// LoggedModel shows a model with its metrics, before and apart from any registration.
func (l Links) LoggedModel(experimentID, modelID string) string {
	return l.base + "/#/experiments/" + url.PathEscape(experimentID) + "/models/" + url.PathEscape(modelID) + training
}

// RegisteredModel shows a model's versions and aliases.
func (l Links) RegisteredModel(name string) string {
	return l.base + "/#/models/" + url.PathEscape(name)
}

// Version shows one version of a registered model.
func (l Links) Version(name, number string) string {
	return l.base + "/#/models/" + url.PathEscape(name) + "/versions/" + url.PathEscape(number)
}
