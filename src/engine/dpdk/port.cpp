// SPDX-License-Identifier: Apache-2.0
#include "engine/dpdk/port.hpp"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

namespace tandem::engine {
namespace {

constexpr unsigned kCached = 256;  // frames that each thread keeps at hand

std::unexpected<Error> fail_dpdk(const std::string& what, int code) {
  return fail(what + ": " + rte_strerror(code < 0 ? -code : code));
}

int on_port_event(std::uint16_t, rte_eth_event_type, void* gone, void*) {
  *static_cast<std::atomic<bool>*>(gone) = true;
  return 0;
}

void on_device_event(const char*, rte_dev_event_type event, void* gone) {
  if (event == RTE_DEV_EVENT_REMOVE) *static_cast<std::atomic<bool>*>(gone) = true;
}

// What to do when a device cannot be had.
std::string hint(const PortOptions& options, int error) {
  if (error == -ENOTSUP)
    return ": DPDK has no driver for it here; is its package installed (apt search librte-net-)?";
  if (options.bus != "pci") return "";
  return "; it has to be bound to vfio-pci: dpdk-devbind.py --bind=vfio-pci " + options.device +
         " (which wants an IOMMU: intel_iommu=on or amd_iommu=on)";
}

}  // namespace

Result<FramePool> FramePool::create(const std::string& name, std::uint32_t frames,
                                    std::uint32_t bytes) {
  rte_mempool* pool = rte_pktmbuf_pool_create(
      name.c_str(), frames, kCached, 0, static_cast<std::uint16_t>(bytes + RTE_PKTMBUF_HEADROOM),
      SOCKET_ID_ANY);
  if (pool == nullptr)
    return fail_dpdk("no memory for " + std::to_string(frames) + " packet buffers", rte_errno);
  return FramePool(pool);
}

FramePool::~FramePool() {
  rte_mempool_free(pool_);
}

std::uint32_t FramePool::free() const {
  return rte_mempool_avail_count(pool_);
}

std::uint32_t FramePool::bytes() const {
  return rte_pktmbuf_data_room_size(pool_) - std::uint32_t{RTE_PKTMBUF_HEADROOM};
}

std::uint32_t FramePool::size() const {
  return pool_->size;
}

Result<std::unique_ptr<Port>> Port::open(const PortOptions& options, const FramePool& pool) {
  const std::string& name = options.device;
  std::uint16_t id = 0;
  if (rte_eth_dev_get_port_by_name(name.c_str(), &id) != 0) {  // not taken at DPDK's start
    if (const int error =
            rte_eal_hotplug_add(options.bus.c_str(), name.c_str(), options.arguments.c_str());
        error != 0)
      return fail_dpdk("port " + name + hint(options, error), error);
    if (rte_eth_dev_get_port_by_name(name.c_str(), &id) != 0) {
      rte_eal_hotplug_remove(options.bus.c_str(), name.c_str());
      return fail("port " + name + ": DPDK made no port of it");
    }
  }
  std::unique_ptr<Port> self(new Port(options, id));
  self->watch();
  if (auto ready = self->set_up(pool); !ready) return std::unexpected(ready.error());
  return self;
}

Result<void> Port::set_up(const FramePool& pool) {
  const std::string what = "port " + options_.device;
  rte_eth_dev_info info{};
  if (const int error = rte_eth_dev_info_get(id_, &info); error != 0) return fail_dpdk(what, error);
  options_.rx_queues = std::min(options_.rx_queues, info.max_rx_queues);
  if (info.max_tx_queues < options_.tx_queues)
    return fail(what + " has " + std::to_string(info.max_tx_queues) + " tx queues for " +
                std::to_string(options_.tx_queues) +
                " workers; name as many CPUs in dpdk.cpus at most");
  rte_eth_conf conf{};
  if (options_.rx_queues > 1) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf =
        info.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
    if (conf.rx_adv_conf.rss_conf.rss_hf == 0) conf.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
  }
  conf.intr_conf.rmv = (*info.dev_flags & RTE_ETH_DEV_INTR_RMV) != 0;
  int error = rte_eth_dev_configure(id_, options_.rx_queues, options_.tx_queues, &conf);
  if (error != 0) return fail_dpdk(what + ": cannot be configured", error);
  std::uint16_t rx = options_.descriptors, tx = options_.descriptors;
  error = rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx, &tx);
  for (std::uint16_t q = 0; error == 0 && q < options_.rx_queues; q++)
    error = rte_eth_rx_queue_setup(id_, q, rx, SOCKET_ID_ANY, nullptr, pool.get());
  for (std::uint16_t q = 0; error == 0 && q < options_.tx_queues; q++)
    error = rte_eth_tx_queue_setup(id_, q, tx, SOCKET_ID_ANY, nullptr);
  if (error != 0) return fail_dpdk(what + ": cannot set its queues up", error);
  if (error = rte_eth_dev_start(id_); error != 0)
    return fail_dpdk(what + ": does not start", error);
  if (options_.promiscuous && (error = rte_eth_promiscuous_enable(id_)) != 0 &&
      error != -ENOTSUP)  // nothing is filtered
    return fail_dpdk(what + ": cannot take frames for virtual MACs", error);
  return {};
}

// Of the two ways to hear of it, a driver knows one: vfio tells the bus, others tell the port.
void Port::watch() {
  rte_eth_dev_callback_register(id_, RTE_ETH_EVENT_INTR_RMV, on_port_event, &gone_);
  rte_dev_event_callback_register(options_.device.c_str(), on_device_event, &gone_);
}

Port::~Port() {
  rte_dev_event_callback_unregister(options_.device.c_str(), on_device_event, &gone_);
  rte_eth_dev_callback_unregister(id_, RTE_ETH_EVENT_INTR_RMV, on_port_event, &gone_);
  rte_eth_dev_stop(id_);
  rte_eth_dev_close(id_);
  rte_eal_hotplug_remove(options_.bus.c_str(), options_.device.c_str());
}

PortCounters Port::counters() const {
  rte_eth_stats stats{};
  if (rte_eth_stats_get(id_, &stats) != 0) return {};
  return {stats.ipackets, stats.opackets, stats.imissed, stats.rx_nombuf,
          stats.ierrors + stats.oerrors};
}

MacAddress Port::mac() const {
  rte_ether_addr address{};
  rte_eth_macaddr_get(id_, &address);
  return {std::to_array(address.addr_bytes)};
}

std::uint32_t Port::mtu() const {
  std::uint16_t mtu = 0;
  return rte_eth_dev_get_mtu(id_, &mtu) == 0 ? mtu : RTE_ETHER_MTU;
}

bool Port::has_link() const {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

}  // namespace tandem::engine
