package tracking

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// VersionSpec describes the version that EnsureVersion registers.
type VersionSpec struct {
	Name        string // of the registered model, which must exist
	Key         string // identifies the version among all versions of the model
	ModelID     string
	RunID       string
	Description string
	Tags        map[string]string
	Files       Manifest // what WriteModel returned
}

// Version is a registered version of a model.
type Version struct {
	Name        string
	Number      string // "3"
	RunID       string
	ModelID     string // empty if the version was not registered from a logged model
	Description string
	Aliases     []string // filled by the verbs that get one version
	Tags        map[string]string
}

const (
	modelSource  = "models:/"
	digestPrefix = "sha256." // tag that holds the digest of the file named after it
)

// EnsureRegisteredModel creates the name under which versions are registered, unless it exists.
func (c *Client) EnsureRegisteredModel(ctx context.Context, name, description string) error {
	find := func() (bool, error) {
		err := c.get(ctx, "registered-models/get", url.Values{"name": {name}}, &struct{}{})
		return err == nil, unlessMissing(err)
	}
	create := func() error {
		return c.postOnce(ctx, "registered-models/create", nameCreate{Name: name, Description: description}, nil)
	}
	if err := c.ensure(ctx, find, create); err != nil {
		return fmt.Errorf("ensure registered model %s: %w", name, err)
	}
	return nil
}

// EnsureVersion returns the version with this key, registering the logged model if there is none. Surplus versions with the
// key, left by answers that were lost, are deleted, unless an alias has been given to one.
func (c *Client) EnsureVersion(ctx context.Context, spec VersionSpec) (Version, error) {
	version, err := c.ensureVersion(ctx, spec)
	if err != nil {
		return Version{}, fmt.Errorf("ensure version of %s: %w", spec.Name, err)
	}
	return version, nil
}

func (c *Client) ensureVersion(ctx context.Context, spec VersionSpec) (Version, error) {
	if err := checkKey(spec.Key); err != nil {
		return Version{}, err
	}
	if strings.ContainsAny(spec.Name, "'\"`\\%/:") || spec.Name == "" {
		return Version{}, fmt.Errorf("%w: model name %q", ErrInvalid, spec.Name)
	}
	if !strings.HasPrefix(spec.ModelID, "m-") {
		return Version{}, fmt.Errorf("%w: %q is not the id of a logged model", ErrInvalid, spec.ModelID)
	}
	tags := keyed(spec.Tags, spec.Key)
	for _, p := range pairs(spec.Files) {
		tags = append(tags, pair{digestPrefix + p.Key, p.Value})
	}
	var version Version
	find := func() (found bool, err error) {
		version, found, err = c.settleVersions(ctx, spec)
		return found, err
	}
	create := func() error {
		return c.postOnce(ctx, "model-versions/create", versionCreate{
			Name: spec.Name, Source: modelSource + spec.ModelID, RunID: spec.RunID, ModelID: spec.ModelID,
			Description: spec.Description, Tags: tags,
		}, nil)
	}
	return version, c.ensure(ctx, find, create)
}

// settleVersions picks the lowest version with the key, which is the first that was registered, and deletes higher ones.
func (c *Client) settleVersions(ctx context.Context, spec VersionSpec) (Version, bool, error) {
	var answer struct {
		Versions []versionAnswer `json:"model_versions"`
	}
	filter := "name = '" + spec.Name + "' and " + keyFilter(spec.Key)
	err := c.get(ctx, "model-versions/search", url.Values{"filter": {filter}, "max_results": {"100"}}, &answer)
	if err != nil || len(answer.Versions) == 0 {
		return Version{}, false, err
	}
	slices.SortFunc(answer.Versions, func(a, b versionAnswer) int { return versionNumber(a.Number) - versionNumber(b.Number) })
	for _, surplus := range answer.Versions[1:] {
		if err := c.deleteVersion(ctx, spec.Name, surplus.Number); err != nil {
			return Version{}, false, err
		}
	}
	return answer.Versions[0].version(), true, nil
}

// deleteVersion deletes a version that no alias names: whoever follows an alias must not find a hole.
func (c *Client) deleteVersion(ctx context.Context, name, number string) error {
	version, err := c.Version(ctx, name, number)
	if err != nil || len(version.Aliases) > 0 {
		return unlessMissing(err)
	}
	return unlessMissing(c.send(ctx, http.MethodDelete, "model-versions/delete", versionID{name, number}, nil))
}

// Version returns a version by its number or by an alias, or ErrNotFound.
func (c *Client) Version(ctx context.Context, name, numberOrAlias string) (Version, error) {
	if versionNumber(numberOrAlias) == 0 {
		return c.Alias(ctx, name, numberOrAlias)
	}
	var answer struct {
		Version versionAnswer `json:"model_version"`
	}
	if err := c.get(ctx, "model-versions/get", url.Values{"name": {name}, "version": {numberOrAlias}}, &answer); err != nil {
		return Version{}, fmt.Errorf("get version %s of %s: %w", numberOrAlias, name, err)
	}
	return answer.Version.version(), nil
}

// SetVersionTag sets a tag of a version, replacing its value.
func (c *Client) SetVersionTag(ctx context.Context, name, number, key, value string) error {
	err := c.post(ctx, "model-versions/set-tag", versionTag{versionID{name, number}, pair{key, value}}, nil)
	if err != nil {
		return fmt.Errorf("set tag %s of version %s of %s: %w", key, number, name, err)
	}
	return nil
}

// ModelFile returns a file of a registered version after checking it against the digest that was registered with the
// version. A file without a digest on record is ErrDigest: nobody vouches for it.
func (c *Client) ModelFile(ctx context.Context, v Version, file string) ([]byte, error) {
	data, err := c.modelFile(ctx, v, file)
	if err != nil {
		return nil, fmt.Errorf("get %s of version %s of %s: %w", file, v.Number, v.Name, err)
	}
	return data, nil
}

func (c *Client) modelFile(ctx context.Context, v Version, file string) ([]byte, error) {
	want, ok := v.Tags[digestPrefix+file]
	if !ok {
		return nil, fmt.Errorf("%w: no digest on record", ErrDigest)
	}
	var answer struct {
		Root Root `json:"artifact_uri"`
	}
	if err := c.get(ctx, "model-versions/get-download-uri", url.Values{"name": {v.Name}, "version": {v.Number}}, &answer); err != nil {
		return nil, err
	}
	data, err := c.GetArtifact(ctx, answer.Root, file)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != want {
		return nil, fmt.Errorf("%w: want SHA-256 %s, got %x", ErrDigest, want, sum)
	}
	return data, nil
}

// versionNumber is a version's number, or 0 for what is none.
func versionNumber(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || s[0] == '+' {
		return 0
	}
	return n
}

type nameCreate struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

type versionCreate struct {
	Name        string `json:"name"`
	Source      string `json:"source"`
	RunID       string `json:"run_id"`
	ModelID     string `json:"model_id"`
	Description string `json:"description,omitempty"`
	Tags        []pair `json:"tags"`
}

type versionID struct {
	Name   string `json:"name"`
	Number string `json:"version"`
}

type versionTag struct {
	versionID
	pair
}

type versionAnswer struct {
	Name        string   `json:"name"`
	Number      string   `json:"version"`
	Source      string   `json:"source"`
	RunID       string   `json:"run_id"`
	Description string   `json:"description"`
	Aliases     []string `json:"aliases"`
	Tags        []pair   `json:"tags"`
}

func (a versionAnswer) version() Version {
	v := Version{Name: a.Name, Number: a.Number, RunID: a.RunID, Description: a.Description, Aliases: a.Aliases, Tags: tagsOf(a.Tags)}
	if id, ok := strings.CutPrefix(a.Source, modelSource); ok && strings.HasPrefix(id, "m-") {
		v.ModelID = id // the server does not echo it
	}
	return v
}
