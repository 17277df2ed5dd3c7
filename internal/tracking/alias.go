package tracking

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// The aliases that say who serves.
const (
	Champion   = "champion"
	Challenger = "challenger"
	Previous   = "previous"
)

// Alias returns the version that the alias names, or ErrNotFound: no such alias, no such model, or a version that was deleted
// under it.
func (c *Client) Alias(ctx context.Context, name, alias string) (Version, error) {
	var answer struct {
		Version versionAnswer `json:"model_version"`
	}
	err := c.get(ctx, "registered-models/alias", url.Values{"name": {name}, "alias": {alias}}, &answer)
	var refusal *Error
	if errors.As(err, &refusal) && refusal.Code == "INVALID_PARAMETER_VALUE" && strings.Contains(refusal.Message, "not found") {
		refusal.Kind = ErrNotFound // the server has no code of its own for a missing alias
	}
	if err != nil {
		return Version{}, fmt.Errorf("get alias %s of %s: %w", alias, name, err)
	}
	return answer.Version.version(), nil
}

// SetAlias lets the alias name the version, whichever it named before.
func (c *Client) SetAlias(ctx context.Context, name, alias, number string) error {
	if err := c.post(ctx, "registered-models/alias", aliasSet{name, alias, number}, nil); err != nil {
		return fmt.Errorf("set alias %s of %s to version %s: %w", alias, name, number, err)
	}
	return nil
}

// DeleteAlias removes the alias, if it exists.
func (c *Client) DeleteAlias(ctx context.Context, name, alias string) error {
	err := unlessMissing(c.send(ctx, http.MethodDelete, "registered-models/alias", aliasID{name, alias}, nil))
	if err != nil {
		return fmt.Errorf("delete alias %s of %s: %w", alias, name, err)
	}
	return nil
}

// Promotion is who serves after Promote.
type Promotion struct {
	Champion string // version number
	Previous string // the champion before, empty if there was none
}

// Promote makes the version the champion and the champion before it `previous`. It may be repeated: a version that is the
// champion already changes nothing, in particular it does not become its own predecessor. `champion` is moved last, so
// that a promotion that broke off half way leaves the old champion serving.
func (c *Client) Promote(ctx context.Context, name, number string) (Promotion, error) {
	promotion, err := c.promote(ctx, name, number)
	if err != nil {
		return Promotion{}, fmt.Errorf("promote version %s of %s: %w", number, name, err)
	}
	return promotion, nil
}

func (c *Client) promote(ctx context.Context, name, number string) (Promotion, error) {
	champion, err := c.Alias(ctx, name, Champion)
	if err = unlessMissing(err); err != nil {
		return Promotion{}, err
	}
	if champion.Number == number {
		previous, err := c.Alias(ctx, name, Previous)
		return Promotion{Champion: number, Previous: previous.Number}, unlessMissing(err)
	}
	if champion.Number != "" {
		if err := c.SetAlias(ctx, name, Previous, champion.Number); err != nil {
			return Promotion{}, err
		}
	}
	if err := c.SetAlias(ctx, name, Champion, number); err != nil {
		return Promotion{}, err
	}
	return Promotion{Champion: number, Previous: champion.Number}, nil
}

// unlessMissing drops ErrNotFound where absence is an answer.
func unlessMissing(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

type aliasSet struct {
	Name   string `json:"name"`
	Alias  string `json:"alias"`
	Number string `json:"version"`
}

type aliasID struct {
	Name  string `json:"name"`
	Alias string `json:"alias"`
}
