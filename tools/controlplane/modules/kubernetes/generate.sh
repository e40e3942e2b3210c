#!/usr/bin/env bash
# Writes go.mod for one Kubernetes version; `go mod tidy` then fills in the rest and go.sum.
#   ./generate.sh [1.37.2 [3.7.0]]     Kubernetes version, etcd server version
# k8s.io/kubernetes requires its staging modules at v0.0.0, a version that exists nowhere: each one
# it names must be replaced by the published v0.MINOR.PATCH of the same release.
set -euo pipefail
cd "$(dirname "$0")"
k8s=${1:-1.37.2}
minor=$(cut -d. -f2 <<< "$k8s")
staged=0.${k8s#*.}
case $minor in 33) etcd=3.5.21 go=1.24.0 ;; 34) etcd=3.6.4 go=1.24.0 ;; 35) etcd=3.6.5 go=1.25.0 ;;
  36) etcd=3.6.8 go=1.26.0 ;; 37) etcd=3.7.0 go=1.26.0 ;; *) echo "no table entry for 1.$minor" >&2; exit 2 ;; esac
etcd=${2:-$etcd}
modules="api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider
cluster-bootstrap code-generator component-base component-helpers controller-manager cri-api cri-client
csi-translation-lib dynamic-resource-allocation endpointslice externaljwt kms kube-aggregator
kube-controller-manager kube-proxy kube-scheduler kubectl kubelet metrics mount-utils
pod-security-admission sample-apiserver sample-cli-plugin sample-controller"
if [ "$minor" -ge 36 ]; then modules="$modules cri-streaming streaming"; fi
{
  cat <<EOF
// The programs of the development control plane as Go tools. generate.sh writes this file; ../../build uses it.
module incidentfox.io/tools/kubernetes

go $go

godebug default=go${go%.*}

tool (
	go.etcd.io/etcd/server/v3
	k8s.io/kubernetes/cmd/kube-apiserver
	k8s.io/kubernetes/cmd/kube-controller-manager
	k8s.io/kubernetes/cmd/kube-scheduler
	k8s.io/kubernetes/cmd/kubectl
)

require (
	go.etcd.io/etcd/server/v3 v$etcd
	k8s.io/kubernetes v$k8s
)

replace (
EOF
  for m in $(tr ' ' '\n' <<< "$modules" | sort); do printf '\tk8s.io/%s => k8s.io/%s v%s\n' "$m" "$m" "$staged"; done
  echo ")"
} > go.mod
echo "go.mod for Kubernetes $k8s with etcd $etcd; now: go mod tidy" >&2
