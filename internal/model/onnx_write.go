package model

import "google.golang.org/protobuf/encoding/protowire"

// ONNX writes the model as an ONNX file: operator set 17, IR version 8, which every ONNX Runtime since 2022 reads. The bytes are a
// function of the model. Its error wraps [ErrInvalid] when the model does not pass [Model.Validate].
func (m *Model) ONNX() ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	g, err := m.graph()
	if err != nil {
		return nil, err
	}
	return g.encode(), nil
}

// message is a protobuf message under construction; fields are appended in the order of their numbers.
type message []byte

func (b message) text(field protowire.Number, s string) message {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func (b message) bytes(field protowire.Number, v []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

func (b message) varint(field protowire.Number, v int64) message {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(v))
}

// The field numbers are those of onnx.proto3: ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto, ValueInfoProto.

func (g *graph) encode() []byte {
	var body message
	for _, n := range g.nodes {
		body = body.bytes(1, n.encode())
	}
	body = body.text(2, g.name)
	for _, c := range g.constant {
		body = body.bytes(5, c.encode())
	}
	for _, p := range g.inputs {
		body = body.bytes(11, p.encode())
	}
	for _, p := range g.outputs {
		body = body.bytes(12, p.encode())
	}
	file := message(nil).varint(1, irVersion).text(2, producerName).bytes(7, body)
	file = file.bytes(8, message(nil).text(1, "").varint(2, opsetVersion))
	for _, m := range g.metadata {
		file = file.bytes(14, message(nil).text(1, m.key).text(2, m.value))
	}
	return file
}

func (n node) encode() message {
	var b message
	for _, input := range n.inputs {
		b = b.text(1, input)
	}
	b = b.text(2, n.output).text(3, n.name).text(4, n.op)
	for _, a := range n.attributes {
		b = b.bytes(5, message(nil).text(1, a.name).varint(3, a.value).varint(20, attributeInt))
	}
	return b
}

// attributeInt is AttributeProto.AttributeType INT.
const attributeInt = 2

func (c constant) encode() message {
	var b message
	for _, d := range c.dims {
		b = b.varint(1, d)
	}
	return b.varint(2, int64(c.kind)).text(8, c.name).bytes(9, c.raw)
}

func (p port) encode() message {
	shape := message(nil).bytes(1, message(nil).text(2, batchName)).bytes(1, message(nil).varint(1, p.columns))
	tensor := message(nil).varint(1, int64(p.kind)).bytes(2, shape)
	return message(nil).text(1, p.name).bytes(2, message(nil).bytes(1, tensor))
}
