package tracking

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// Root is the folder of a run's or a model's artifacts, as the server names it: mlflow-artifacts:/1/5f.../artifacts.
type Root string

// File is an artifact to write.
type File struct {
	Path string // below the root, with slashes; the extension decides how MLflow's pages show it
	Data []byte
}

// FileInfo is an artifact or a folder of them.
type FileInfo struct {
	Path string // below the root
	Size int64  // bytes, 0 for a folder
	Dir  bool
}

const artifactsPath = "/api/2.0/mlflow-artifacts/artifacts"

// PutArtifact writes one artifact, replacing what was there, and checks that all of it arrived.
func (c *Client) PutArtifact(ctx context.Context, root Root, file string, data []byte) error {
	return c.PutArtifacts(ctx, root, []File{{Path: file, Data: data}})
}

// PutArtifacts writes the artifacts in order, replacing what was there, and then checks by listing that all of them arrived
// whole: an acknowledged upload has been an empty file before.
func (c *Client) PutArtifacts(ctx context.Context, root Root, files []File) error {
	for _, f := range files {
		if err := c.upload(ctx, root, f); err != nil {
			return fmt.Errorf("put artifact %s: %w", f.Path, err)
		}
	}
	missing, err := c.compare(ctx, root, files)
	if err != nil {
		return fmt.Errorf("put artifacts below %s: %w", root, err)
	}
	if missing != "" {
		return fmt.Errorf("put artifacts below %s: %w: %s", root, ErrUnavailable, missing)
	}
	return nil
}

// compare says which of the files is absent or has another size, or nothing.
func (c *Client) compare(ctx context.Context, root Root, files []File) (string, error) {
	sizes := map[string]int64{}
	listed := map[string]bool{}
	for _, f := range files {
		dir := path.Dir(f.Path)
		if listed[dir] {
			continue
		}
		listed[dir] = true
		found, err := c.ListArtifacts(ctx, root, dir)
		if err != nil {
			return "", err
		}
		for _, info := range found {
			if !info.Dir {
				sizes[info.Path] = info.Size
			}
		}
	}
	for _, f := range files {
		size, ok := sizes[f.Path]
		if !ok {
			return f.Path + " is missing", nil
		}
		if size != int64(len(f.Data)) {
			return fmt.Sprintf("%s has %d bytes, %d were sent", f.Path, size, len(f.Data)), nil
		}
	}
	return "", nil
}

func (c *Client) upload(ctx context.Context, root Root, f File) error {
	if int64(len(f.Data)) > c.cfg.MaxArtifact {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrInvalid, len(f.Data), c.cfg.MaxArtifact)
	}
	address, err := c.artifactPath(root, f.Path)
	if err != nil {
		return err
	}
	return c.retry(ctx, func() error {
		_, err := c.do(ctx, call{
			method: http.MethodPut, path: address, kind: "application/octet-stream", body: f.Data, limit: maxAnswer, wait: c.cfg.TransferTimeout,
		})
		return err
	})
}

// ListArtifacts lists one folder below the root; "" is the root itself. A folder that does not exist is empty.
func (c *Client) ListArtifacts(ctx context.Context, root Root, dir string) ([]FileInfo, error) {
	if dir == "." {
		dir = ""
	}
	base, err := c.rootPath(root)
	if err != nil {
		return nil, fmt.Errorf("list artifacts %s: %w", dir, err)
	}
	if dir != "" {
		if err := checkArtifact(dir); err != nil {
			return nil, fmt.Errorf("list artifacts %s: %w", dir, err)
		}
	}
	var answer struct {
		Files []struct {
			Path string `json:"path"`
			Dir  bool   `json:"is_dir"`
			Size int64  `json:"file_size"` // absent for an empty file
		} `json:"files"`
	}
	err = c.retry(ctx, func() error {
		data, err := c.do(ctx, call{
			method: http.MethodGet, path: artifactsPath, query: url.Values{"path": {path.Join(base, dir)}}, limit: maxAnswer, wait: c.cfg.Timeout,
		})
		if err != nil {
			return err
		}
		return decode("GET "+artifactsPath, data, &answer)
	})
	if err != nil {
		return nil, fmt.Errorf("list artifacts %s: %w", dir, err)
	}
	list := make([]FileInfo, len(answer.Files))
	for i, f := range answer.Files {
		list[i] = FileInfo{Path: path.Join(dir, f.Path), Dir: f.Dir, Size: f.Size}
	}
	return list, nil
}

// GetArtifact reads one artifact whole, or answers ErrNotFound.
func (c *Client) GetArtifact(ctx context.Context, root Root, file string) ([]byte, error) {
	data, err := c.download(ctx, root, file)
	if err != nil {
		return nil, fmt.Errorf("get artifact %s: %w", file, err)
	}
	return data, nil
}

func (c *Client) download(ctx context.Context, root Root, file string) ([]byte, error) {
	address, err := c.artifactPath(root, file)
	if err != nil {
		return nil, err
	}
	// A server that keeps artifacts in S3 answers 500 for one that is missing, which looks like a fault. So look first.
	list, err := c.ListArtifacts(ctx, root, path.Dir(file))
	if err != nil {
		return nil, err
	}
	size := int64(-1)
	for _, info := range list {
		if info.Path == file && !info.Dir {
			size = info.Size
		}
	}
	switch {
	case size < 0:
		return nil, fmt.Errorf("%w: below %s", ErrNotFound, root)
	case size > c.cfg.MaxArtifact:
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrInvalid, size, c.cfg.MaxArtifact)
	}
	var data []byte
	err = c.retry(ctx, func() (err error) {
		data, err = c.do(ctx, call{method: http.MethodGet, path: address, limit: size, wait: c.cfg.TransferTimeout})
		if err == nil && int64(len(data)) != size {
			err = fmt.Errorf("%w: %d bytes came, %d are listed", ErrUnavailable, len(data), size)
		}
		return err
	})
	return data, err
}

// rootPath is where the root is below the server's own artifact interface. Other places need credentials of their own, and
// handing them ours would leak them, so they are refused.
func (c *Client) rootPath(root Root) (string, error) {
	for _, prefix := range []string{"mlflow-artifacts:/", c.base + artifactsPath + "/"} {
		rest, ok := strings.CutPrefix(string(root), prefix)
		if ok && rest != "" && rest[0] != '/' {
			return rest, checkArtifact(rest)
		}
	}
	return "", fmt.Errorf("%w: artifacts are kept at %s, outside the server's own interface: start it with --serve-artifacts and no "+
		"--default-artifact-root, and use a new experiment (an experiment keeps the place it was created with)", ErrInvalid, root)
}

func (c *Client) artifactPath(root Root, file string) (string, error) {
	base, err := c.rootPath(root)
	if err != nil {
		return "", err
	}
	if err := checkArtifact(file); err != nil {
		return "", err
	}
	segments := strings.Split(base+"/"+file, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return artifactsPath + "/" + strings.Join(segments, "/"), nil
}

func checkArtifact(file string) error {
	if file == "" || len(file) > 500 || path.Clean(file) != file || file[0] == '/' || file == ".." || strings.HasPrefix(file, "../") {
		return fmt.Errorf("%w: path %q must be relative and clean, with at most 500 bytes", ErrInvalid, file)
	}
	if i := strings.IndexAny(file, "#\\:\x00"); i >= 0 {
		return fmt.Errorf("%w: path %q contains %q, which the server refuses", ErrInvalid, file, file[i])
	}
	if plain, err := url.PathUnescape(file); err == nil && plain != file {
		return fmt.Errorf("%w: path %q contains an escape, which the server would resolve", ErrInvalid, file)
	}
	return nil
}
