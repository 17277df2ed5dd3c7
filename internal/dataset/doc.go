// Package dataset moves training data between files and memory: CSV and Parquet to tables, tables to parts split by
// time, and engineered features to a matrix file.
//
// It guarantees that
//
//   - a Table it returns is whole and clean: every wanted column, rows counted, every value finite; whatever is wrong in
//     a file is an error that names the line (or row) and the column, and reading is bounded whatever the file claims;
//
//   - a split never trains on the future: the parts follow one another in the order column, and rows of equal time are
//     never divided between two parts;
//
//   - the same content gives the same bytes (WriteParquet, Matrix.Encode), so files can be stored under their digest.
//
//     table, err := dataset.ReadCSV(file, []dataset.Column{{Name: "Time"}, {Name: "Amount"}, {Name: "Class", Kind: dataset.Int}}, dataset.ReadOptions{IgnoreExtra: true})
//     parts, err := dataset.Split(table, "Time", dataset.Shares{Train: 0.6, Validation: 0.2, Test: 0.2})
//     fmt.Println(parts.Train.Len(), "rows end before", parts.ValidationFrom)
package dataset
