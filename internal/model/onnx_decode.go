package model

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// fields calls each for every field of a protobuf message; number holds varints, data the bytes of everything else that is allowed.
// An error of each, a malformed message and a wire type other than these two end it.
func fields(what string, message []byte, each func(field protowire.Number, number int64, data []byte, isNumber bool) error) error {
	for len(message) > 0 {
		field, wire, n := protowire.ConsumeTag(message)
		if n < 0 {
			return refuse("%s is not protobuf", what)
		}
		message = message[n:]
		var number uint64
		var data []byte
		switch wire {
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(message)
		case protowire.BytesType:
			data, n = protowire.ConsumeBytes(message)
		default:
			return refuse("%s has a field %d of wire type %d", what, field, wire)
		}
		if n < 0 {
			return refuse("%s ends within field %d", what, field)
		}
		message = message[n:]
		if err := each(field, int64(number), data, wire == protowire.VarintType); err != nil {
			return err
		}
	}
	return nil
}

func refuse(format string, values ...any) error {
	return fmt.Errorf("read ONNX: "+format+": %w", append(values, ErrONNX)...)
}

func unexpected(what string, field protowire.Number) error {
	return refuse("%s has field %d, which our files do not", what, field)
}

// decodeGraph reads the whole file into a graph. What a graph cannot hold (functions, subgraphs, external data, other attribute types)
// is refused here; whether the graph is one of ours is for the caller to see.
func decodeGraph(file []byte) (*graph, error) {
	var g *graph
	var meta []metadata
	ir, opset := int64(0), int64(0)
	err := fields("model", file, func(field protowire.Number, number int64, data []byte, isNumber bool) (err error) {
		switch {
		case field == 1 && isNumber:
			ir = number
		case field == 2 && !isNumber && string(data) == producerName:
		case field == 7 && !isNumber && g == nil:
			g, err = decodeBody(data)
		case field == 8 && !isNumber && opset == 0:
			opset, err = decodeOpset(data)
		case field == 14 && !isNumber:
			var m metadata
			m, err = decodeMetadata(data)
			meta = append(meta, m)
		default:
			return unexpected("model", field)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if g == nil || ir != irVersion || opset != opsetVersion {
		return nil, refuse("want a graph with IR version %d and operator set %d, got %d and %d", irVersion, opsetVersion, ir, opset)
	}
	g.metadata = meta
	return g, nil
}

func decodeBody(body []byte) (*graph, error) {
	g := &graph{}
	err := fields("graph", body, func(field protowire.Number, _ int64, data []byte, isNumber bool) error {
		if isNumber {
			return unexpected("graph", field)
		}
		var err error
		switch field {
		case 1:
			var n node
			n, err = decodeNode(data)
			g.nodes = append(g.nodes, n)
		case 2:
			g.name = string(data)
		case 5:
			var c constant
			c, err = decodeConstant(data)
			g.constant = append(g.constant, c)
		case 11, 12:
			var p port
			p, err = decodePort(data)
			if field == 11 {
				g.inputs = append(g.inputs, p)
			} else {
				g.outputs = append(g.outputs, p)
			}
		default:
			return unexpected("graph", field)
		}
		return err
	})
	return g, err
}

func decodeNode(data []byte) (node, error) {
	var n node
	err := fields("node", data, func(field protowire.Number, _ int64, data []byte, isNumber bool) error {
		switch {
		case isNumber:
			return unexpected("node", field)
		case field == 1:
			n.inputs = append(n.inputs, string(data))
		case field == 2 && n.output == "":
			n.output = string(data)
		case field == 3:
			n.name = string(data)
		case field == 4:
			n.op = string(data)
		case field == 5:
			a, err := decodeAttribute(data)
			n.attributes = append(n.attributes, a)
			return err
		default:
			return unexpected("node", field)
		}
		return nil
	})
	return n, err
}

func decodeAttribute(data []byte) (attribute, error) {
	var a attribute
	err := fields("attribute", data, func(field protowire.Number, number int64, data []byte, isNumber bool) error {
		switch {
		case field == 1 && !isNumber:
			a.name = string(data)
		case field == 3 && isNumber:
			a.value = number
		case field == 20 && isNumber && number == attributeInt:
		default:
			return unexpected("attribute", field)
		}
		return nil
	})
	return a, err
}

func decodeConstant(data []byte) (constant, error) {
	var c constant
	err := fields("initialiser", data, func(field protowire.Number, number int64, data []byte, isNumber bool) error {
		switch {
		case field == 1 && isNumber:
			c.dims = append(c.dims, number)
		case field == 1: // packed, as other writers do
			for len(data) > 0 {
				v, n := protowire.ConsumeVarint(data)
				if n < 0 {
					return refuse("the shape of an initialiser is malformed")
				}
				c.dims, data = append(c.dims, int64(v)), data[n:]
			}
		case field == 2 && isNumber:
			c.kind = elementKind(number)
		case field == 8 && !isNumber:
			c.name = string(data)
		case field == 9 && !isNumber:
			c.raw = data
		default:
			return unexpected("initialiser", field)
		}
		return nil
	})
	if err != nil {
		return c, err
	}
	size, count := c.kind.size(), c.elements()
	if size < 0 || count < 0 || size*count != int64(len(c.raw)) {
		return c, refuse("initialiser %q of type %d and shape %v has %d bytes", c.name, c.kind, c.dims, len(c.raw))
	}
	return c, nil
}

func decodeOpset(data []byte) (version int64, err error) {
	err = fields("operator set", data, func(field protowire.Number, number int64, data []byte, isNumber bool) error {
		switch {
		case field == 1 && !isNumber && len(data) == 0:
		case field == 2 && isNumber:
			version = number
		default:
			return unexpected("operator set", field)
		}
		return nil
	})
	return version, err
}

func decodeMetadata(data []byte) (m metadata, err error) {
	err = fields("metadata", data, func(field protowire.Number, _ int64, data []byte, isNumber bool) error {
		switch {
		case field == 1 && !isNumber:
			m.key = string(data)
		case field == 2 && !isNumber:
			m.value = string(data)
		default:
			return unexpected("metadata", field)
		}
		return nil
	})
	return m, err
}
