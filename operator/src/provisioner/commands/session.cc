#include "provisioner/commands/session.h"

#include <algorithm>
#include <utility>

#include "base/mutex.h"

namespace tp::provisioner {
namespace {

constexpr std::chrono::seconds kCall{30};

}  // namespace

Session::Session(std::stop_token stop, std::chrono::milliseconds limit, log::Sink& sink)
    : whole_(Context{std::move(stop)}.child(clock_, limit)), log_(sink, "team-operator") {}

Status Session::connect(const std::string& kubeconfig) {
  TP_ASSIGN_OR_RETURN(const kube::ClientConfig config, kube::find_config(kubeconfig));
  TP_ASSIGN_OR_RETURN(cluster_,
                      kube::Cluster::connect(config, "team-operator/" TP_VERSION, clock_, log_, registry_));
  server_ = config.server;
  ns_ = config.ns;
  return ok();
}

Context Session::call() const { return whole_.child(clock_, kCall); }

bool Session::pause(std::chrono::milliseconds time) const {
  Mutex m;
  CondVar never;
  const MutexLock lock{m};
  never.wait_for(m, whole_.stop, std::min(time, whole_.remaining(clock_)), [] { return false; });
  return !whole_.stop.stop_requested() && whole_.remaining(clock_).count() > 0;
}

}  // namespace tp::provisioner
