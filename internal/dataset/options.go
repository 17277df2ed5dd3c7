package dataset

// ReadOptions bounds and relaxes reading. The zero value refuses extra columns and has limits that fit a few million rows.
type ReadOptions struct {
	IgnoreExtra bool  // columns that are not wanted are skipped; by default they are an error that names them
	MaxRows     int   // default 10,000,000
	MaxBytes    int64 // of the uncompressed text, or of the Parquet file; default 4 GiB
	MaxLine     int   // bytes of one CSV line; default 64 KiB
}

func (o ReadOptions) withDefaults() ReadOptions {
	if o.MaxRows <= 0 {
		o.MaxRows = 10_000_000
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 4 << 30
	}
	if o.MaxLine <= 0 {
		o.MaxLine = 64 << 10
	}
	return o
}
