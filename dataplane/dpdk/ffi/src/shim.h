/* What of DPDK is bound. Its inline functions have no symbols: each that is used has one here. */

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

/* Macros that do not stand for plain numbers, as constants. */
static const uint64_t ETH_RSS_IP = RTE_ETH_RSS_IP;
static const uint64_t ETH_RSS_TCP = RTE_ETH_RSS_TCP;
static const uint64_t ETH_RSS_UDP = RTE_ETH_RSS_UDP;
static const uint64_t ETH_RSS_SCTP = RTE_ETH_RSS_SCTP;
static const uint64_t MBUF_EXTERNAL = RTE_MBUF_F_EXTERNAL;
static const uint64_t MBUF_INDIRECT = RTE_MBUF_F_INDIRECT;

int strait_errno(void);
struct rte_mbuf *strait_pktmbuf_alloc(struct rte_mempool *pool);
void strait_pktmbuf_free(struct rte_mbuf *mbuf);
int strait_pktmbuf_alloc_bulk(struct rte_mempool *pool, struct rte_mbuf **mbufs, unsigned count);
void strait_mempool_put_bulk(struct rte_mempool *pool, void *const *objects, unsigned count);
uint16_t strait_eth_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t count);
uint16_t strait_eth_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t count);
