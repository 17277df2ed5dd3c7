package pipeline

import (
	"errors"
	"strings"
	"testing"

	"temporal-streaming/test/golden"
)

func TestProblemsOfFeaturesNameFileLineFieldAndMend(t *testing.T) {
	cases := []struct{ old, new string }{
		{"decimal(2)", "decimal(9)"},
		{"decimal(2)", "decimal"},
		{"id: id", "id: weight"},
		{"key: card\n", "key: amount\n"},
		{"key: card\n", ""},
		{"column: at, tolerance: 1m", "column: card, tolerance: 1m"},
		{"tolerance: 1m", "tolerance: soon"},
		{"event_time: {column: at, tolerance: 1m}\n", ""},
		{"delay: 7d", "delay: 1w"},
		{", delay: 7d", ""},
		{"labels: delayed", "labels: whenever"},
		{"delay: 7d", "delay: 7d, known_at: at"},
		{"{name: amount, transform: log1p}", "{name: shop}"},
		{"{name: amount, transform: log1p}", "{name: bad}"},
		{"calendar: night", "calendar: noon"},
		{"hours: [22, 5]", "hours: [22]"},
		{"hours: [22, 5]", "hours: [22, 24]"},
		{"zone: Europe/Brussels", "zone: Brussels"},
		{"calendar: night, hours", "hours"},
		{"calendar: night", "calendar: night, column: amount"},
		{"aggregate: mean", "aggregate: mode"},
		{"aggregate: mean, column: amount", "aggregate: mean, column: weight"},
		{"aggregate: mean, column: amount", "aggregate: mean, column: bad"},
		{"aggregate: mean, column: amount", "aggregate: count, column: amount"},
		{"aggregate: mean, column: amount, over: [1d, 7d]", "aggregate: mean, column: amount"},
		{"over: [1d, 7d]", "over: [1d, 0d]"},
		{"over: [1d, 7d]", "over: [1d, ever]"},
		{"over: [1d, 7d]", "over: [1d, 1d]"},
		{"mean_<window>", "mean"},
		{"mean_<window>", "mean_<hours>"},
		{"aggregate: mean, column: amount, over: [1d, 7d]", "aggregate: max, column: amount, over: [all]"},
		{"aggregate: mean, column: amount", "aggregate: zscore, column: amount, shift: 1d"},
		{"over: [1d, 30d], shift: label_delay", "over: [1d, 30d]"},
		{"shift: label_delay", "shift: 6d"},
		{"key: shop, over", "key: amount, over"},
		{"over: [1d, 30d], shift", "over: [36h, 30d], shift"},
		{"ratio: [amount, mean_7d]", "ratio: [amount]"},
		{"ratio: [amount, mean_7d]", "ratio: [amount, risk_1]"},
		{"ratio: [amount, mean_7d]", "difference: [bad, shop]"},
		{"ratio: [amount, mean_7d]", "ratio: [amount, mean_7d], calendar: hour"},
		{"key: shop, over", "key: bad, over"},
		{"key: card\n", "key: bad\n"},
		{"positive: 1, delay: 7d}\nlabels: delayed", "positive: 1, known_at: at}\nlabels: as_they_arrive"},
		{"span: 90d", "span: 90"},
		{"over: [1d, 7d]", "over: [3rows, 0rows, 5000rows]"},
		{"mean_<window>", "mean_<days>, where: {value: amount, above: 1}, before: true, shift: 1d"},
		{"over: [1d, 7d]", "over: [1d, 7d], where: {label: positive}"},
		{"over: [1d, 7d]", "over: [1d, 7d], where: {value: amount}"},
		{"over: [1d, 7d]", "over: [1d, 7d], where: {value: bad, is: 1}"},
		{"over: [1d, 7d]", "over: [1d, 7d], where: {value: risk_1, above: 0.5}"},
		{"over: [1d, 7d]", "over: [1d, 7d], where: {value: amount, is: 1, above: 2}, min_records: -1, smoothing: 2"},
		{"over: [1d, 7d]", "over: [1d, 7d], where: {above: 2}"},
		{"over: [1d, 7d]", "over: [1d, 7d], where: {}"},
		{"aggregate: mean, column: amount", "aggregate: run"},
		{"aggregate: share, key: shop, over: [1d, 30d], shift: label_delay", "aggregate: count, key: shop, over: [1d, 30d], where: {label: negative}"},
		{"aggregate: share, key: shop, over: [1d, 30d], shift: label_delay", "aggregate: median, column: amount, over: [all]"},
		{"aggregate: share, key: shop, over: [1d, 30d], shift: label_delay}", "aggregate: count, key: shop, over: [1d, 30d]}\n  - {name: back, aggregate: last, column: risk_1, over: [7d]}"},
		{"ratio: [amount, mean_7d]", "ratio: [amount, mean_7d], where: {value: amount, above: 1}"},
		{"ratio: [amount, mean_7d]", "product: [amount, mean_7d], smoothing: 1"},
		{"sink:", "stream: {delivery: at-least-once}\nsink:"},
	}
	transcribe(t, "problems-features.txt", stateful, cases)
}

// Each case replaces a piece of the small definition; what Parse says then is kept in testdata/problems.txt, where a person
// can judge whether it helps.
func TestProblemsNameFileLineFieldAndMend(t *testing.T) {
	cases := []struct{ old, new string }{
		{"name: small", "name: Small Pipeline"},
		{"name: small\n", ""},
		{"order_by: when", "order_by: date"},
		{"column: bad", "column: good"},
		{"positive: 1", "positive: .nan"},
		{"positive: 1", "positive: .inf"},
		{"positive: 1", "positive:"},
		{"positive: 1", "positive: ~"},
		{", positive: 1", ""},
		{"label: {column: bad, positive: 1}", "label:\n  column: bad"},
		{"label: {column: bad, positive: 1}\n", ""},
		{"{name: x, type: float}", "{name: x, type: decimal}"},
		{"{name: x, type: float}", "{name: when, type: float}"},
		{"{name: x, type: float}", "{type: float}"},
		{"{name: x, type: float}", "{name: x, kind: float}"},
		{"{name: n}", "{name: m}"},
		{"{name: n}", "{column: n}"},
		{"{name: n}", "{name: lx, column: n}"},
		{"{name: n}", "{name: bad}"},
		{"transform: log1p", "transform: sqrt"},
		{"topic: in", "topic: in/put"},
		{"topic: in", "topic: ''"},
		{"topic: in", "topic: in, start: yesterday"},
		{"topic: in", "topic: in, format: avro"},
		{"topic: out", "topic: in"},
		{"topic: out", "topic: in.dlq"},
		{"topic: out", "topic: out, dead_letters: in"},
		{"topic: out", "topic: out, kind: file"},
		{"sink: {topic: out}", ""},
		{"sink:", "stream: {shards: 0, delivery: maybe, commit_interval: 10m, segment: 2h, max_batch: -1}\nsink:"},
		{"sink:", "stream: {commit_interval: soon}\nsink:"},
		{"sink:", "stream: {commit_interval: 25}\nsink:"},
		{"sink:", "stream: {shards: two}\nsink:"},
		{"sink:", "stream:\n  shards: 2\n  shads: 3\nsink:"},
		{"sink:", "training:\n  split:\n    train: 0.7\n    validation: 0.2\n    test: 0.2\nsink:"},
		{"sink:", "training: {split: {train: 1.2, validation: -0.1, test: -0.1}, class_weight: heavy, positive_weight: -1, negative_weight: 0}\nsink:"},
		{"sink:", "training: {class_weight: balanced, positive_weight: 10}\nsink:"},
		{"sink:", "threshold: {policy: best}\nsink:"},
		{"sink:", "threshold: {policy: precision_at_least}\nsink:"},
		{"sink:", "threshold: {policy: recall_at_least, value: 1.5}\nsink:"},
		{"sink:", "threshold: {policy: max_f1, value: 0.9}\nsink:"},
		{"sink:", "decision: {positive: fraud, negative: fraud}\nsink:"},
		{"sink:", "gates: {min_auc: 97, max_ap_drop: -1, max_parity_gap: .inf}\nsink:"},
		{"sink:", "model:\n  kind: forest\n  hidden: [32, 0]\n  members: 0\n  signed_log: [when]\n  dropout: 1\n  learning_rate: 0\nsink:"},
		{"sink:", "model: {tail_quantiles: [0.98]}\nsink:"},
		{"sink:", "model: {ratios: [[lx, n], [lx], [lx, lx], [lx, x]]}\nsink:"},
		{"sink:", "model: {bins: 8, tail_quantiles: [0.98, 0.5, 1]}\nsink:"},
		{"sink:", "training: {negative_share: 0, loss: hinge, focal_gamma: -1, stop: soon}\nsink:"},
		{"sink:", "search: {strategy: grid, trials: 1, parallel: 0}\nsink:"},
		{"sink:", "search:\n  vary:\n    - {field: learning_rate, from: 0, to: 1, scale: log}\n    - {field: dropout, choices: [0.1, 2]}\n    - {field: seed, choices: [1]}\n    - {field: batch, choices: [8], from: 1, to: 2}\nsink:"},
		{"sink:", "report: {group: x, amount: nothing, kind: x}\nsink:"},
		{"{name: x, type: float}", "{name: x, type: float, optional: true}"},
		{"sink:", "name: twice\nsink:"},
		{"sink:", "sink: [\nsink:"},
		{"sink:", "---\nsink:"},
		{small, ""},
		{small, "hello"},
		{small, "- a\n- b"},
		{small, "name: *nobody"},
		{small, "\tname: x"},
	}
	transcribe(t, "problems.txt", small, cases)
}

// transcribe keeps what Parse says to a definition in which a piece was replaced.
func transcribe(t *testing.T, name, whole string, cases []struct{ old, new string }) {
	t.Helper()
	var transcript strings.Builder
	for _, c := range cases {
		source := strings.Replace(whole, c.old, c.new, 1)
		if source == whole {
			t.Fatalf("the case %q changes nothing", c.old)
		}
		_, err := Parse("small.yaml", []byte(source))
		var problems *InvalidError
		if !errors.As(err, &problems) {
			t.Errorf("with %q: error %v", c.new, err)
			continue
		}
		written := c.new
		if c.old != whole {
			written = strings.TrimSuffix(written, "\nsink:")
		}
		transcript.WriteString("--- " + strings.ReplaceAll(written, "\n", "\n    ") + "\n" + err.Error() + "\n\n")
	}
	golden.Compare(t, name, transcript.String())
}
