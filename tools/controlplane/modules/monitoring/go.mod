// The Prometheus Operator, for its CustomResourceDefinitions alone: with them a real API server judges the chart's ServiceMonitors
// and PrometheusRules. ../../build uses this file.
module incidentfox.io/tools/monitoring

go 1.26.0

require github.com/prometheus-operator/prometheus-operator v0.85.0
