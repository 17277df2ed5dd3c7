package model

import "google.golang.org/protobuf/encoding/protowire"

// decodePort reads ValueInfoProto{name, type{tensor_type{elem_type, shape{dim{"batch"}, dim{columns}}}}} and nothing else.
func decodePort(data []byte) (port, error) {
	var p port
	err := fields("port", data, func(field protowire.Number, _ int64, data []byte, isNumber bool) error {
		switch {
		case field == 1 && !isNumber:
			p.name = string(data)
			return nil
		case field == 2 && !isNumber:
			return p.decodeType(data)
		}
		return unexpected("port", field)
	})
	return p, err
}

func (p *port) decodeType(data []byte) error {
	return fields("type", data, func(field protowire.Number, _ int64, data []byte, isNumber bool) error {
		if field != 1 || isNumber {
			return unexpected("type", field)
		}
		return fields("tensor type", data, func(field protowire.Number, number int64, data []byte, isNumber bool) error {
			switch {
			case field == 1 && isNumber:
				p.kind = elementKind(number)
				return nil
			case field == 2 && !isNumber:
				return p.decodeShape(data)
			}
			return unexpected("tensor type", field)
		})
	})
}

func (p *port) decodeShape(data []byte) error {
	dims := 0
	err := fields("shape", data, func(field protowire.Number, _ int64, data []byte, isNumber bool) error {
		if field != 1 || isNumber {
			return unexpected("shape", field)
		}
		dims++
		return fields("dimension", data, func(field protowire.Number, number int64, data []byte, isNumber bool) error {
			switch {
			case dims == 1 && field == 2 && string(data) == batchName:
				return nil
			case dims == 2 && field == 1 && isNumber:
				p.columns = number
				return nil
			}
			return unexpected("dimension", field)
		})
	})
	if err == nil && dims != 2 {
		return refuse("%q has %d dimensions, want 2", p.name, dims)
	}
	return err
}
