package stream

import (
	"testing"

	"temporal-streaming/internal/score"
)

// What stands here was written by the version that it names. Topics and groups keep it for
// years: it is added to, never changed.
func TestNotesOfEveryFormatAreRead(t *testing.T) {
	for _, v1 := range []struct {
		next int64
		text string
		want note
	}{
		{41, `{"v":1,"generation":3,"since":41}`, note{Format: 1, Generation: 3, Since: 41}},
		{5, `{"v":1,"generation":12,"since":2,"seek":"01a209b4-30e4-7e76-a883-463c74a4d1f3/12","before":4410}`,
			note{Format: 1, Generation: 12, Since: 2, Seek: "01a209b4-30e4-7e76-a883-463c74a4d1f3/12", Before: 4410}},
	} {
		m, err := readMark(v1.next, v1.text)
		if err != nil || m.note != v1.want || m.next != v1.next {
			t.Errorf("%s: read %+v, %v", v1.text, m, err)
		}
		if got := v1.want.text(); got != v1.text {
			t.Errorf("written again: %s, want %s", got, v1.text)
		}
	}
	if _, err := readMark(5, `{"v":2,"generation":1}`); err == nil {
		t.Error("a note of a later format was read as if it were known")
	}
	for _, foreign := range []string{"", "moved by hand", `{"some":"json"}`, `{"v":1,"generation":-4}`, `{"v":1,"generation":1,"since":99}`} {
		if m, err := readMark(5, foreign); err != nil || m.next != 5 || m.Generation != unordered {
			t.Errorf("%q: read %+v, %v; want offset 5 without orders", foreign, m, err)
		}
	}
}

func FuzzReadMark(f *testing.F) {
	f.Add(int64(5), `{"v":1,"generation":2,"since":3}`)
	f.Add(int64(5), `{"v":2,"generation":2,"since":3}`)
	f.Add(int64(-1), "")
	f.Add(int64(9), "somebody's own words")
	f.Fuzz(func(t *testing.T, next int64, metadata string) {
		m, err := readMark(next, metadata)
		if err != nil {
			return
		}
		if m.Generation < unordered || m.Generation >= 0 && m.Since > m.next {
			t.Fatalf("read %+v", m)
		}
		if m.Generation < 0 || m.note.text() == "" {
			return
		}
		if again, err := readMark(next, m.note.text()); err != nil || again.Generation != m.Generation || again.Since != m.Since || again.Seek != m.Seek {
			t.Fatalf("read %+v, wrote and read again %+v, %v", m, again, err)
		}
	})
}

func TestPredictionsOfEveryVersionAreRead(t *testing.T) {
	p, err := score.DecodePrediction([]byte(`{"id":"5b6c","source_id":17,"probability":0.98046875,"decision":"fraud","threshold":0.5,` +
		`"model":"creditcard","model_version":"3","topic":"hello-fraud","partition":2,"offset":5639,"row":0,` +
		`"event_time":"2026-11-23T18:39:35.001Z","scored_at":"2026-11-23T18:39:35.012Z"}`))
	if err != nil || p.ID != "5b6c" || p.Probability != .98046875 || p.Decision != "fraud" || p.ModelVersion != "3" || p.Partition != 2 || p.Offset != 5639 ||
		string(p.SourceID) != "17" || p.EventTime == "" {
		t.Errorf("read %+v, %v", p, err)
	}
}
