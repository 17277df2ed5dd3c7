// Package evaluate turns scores and labels into what people decide on: metrics, an operating threshold, curves,
// pictures and tables.
//
// It guarantees that
//
//   - every metric is weighted, and equals scikit-learn's of the same name to 1e-12 on the same rows and weights, ties
//     included (testdata/golden.py made the values that the tests compare with);
//   - a row is positive at threshold t when its probability is at least t, here as in the exported model;
//   - nothing here is ever NaN or infinite: an input for which a metric has no value is refused with an error, so a
//     Report can always be written as JSON and logged;
//   - the same input gives the same bytes: reports, tables and pictures can be stored under their digest.
//
// Positives are rare in the data this is for. Weights say how many rows of the world a row stands for (genuine rows are
// often sampled), so prevalence, precision and calibration are those of the world and not of the sample.
//
//	threshold, err := evaluate.ChooseThreshold(validation, evaluate.MaxF1, 0)
//	report, err := evaluate.NewReport(test, threshold)
//	fmt.Println(report.AveragePrecision, report.Confusion.TruePositives)
package evaluate
