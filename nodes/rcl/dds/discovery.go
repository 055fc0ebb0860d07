//go:build dds

package dds

import "cobot_vla/msgs"

// guid identifies a participant, reader or writer.
type guid [16]byte

// guidPrefix is the length of the part that a participant and all that it makes share.
const guidPrefix = 12

// gid is a guid in ros_discovery_info: rmw_dds_common/msg/Gid, char[24] in
// Humble, the rest zero.
type gid [24]byte

func (g guid) gid() (x gid)        { copy(x[:], g[:]); return x }
func (x gid) guid() (g guid)       { copy(g[:], x[:]); return g }
func visitGid(c *msgs.CDR, x *gid) { msgs.Array(c, x[:], (*msgs.CDR).U8) }

// nodeEntities is rmw_dds_common/msg/NodeEntitiesInfo.
type nodeEntities struct {
	namespace string
	name      string
	readers   []gid
	writers   []gid
}

// participantEntities is rmw_dds_common/msg/ParticipantEntitiesInfo: the nodes of
// a participant and what each made.
type participantEntities struct {
	participant gid
	nodes       []nodeEntities
}

const (
	infoTopic = "ros_discovery_info"
	infoType  = "rmw_dds_common/msg/ParticipantEntitiesInfo"
)

// TypeName implements msgs.Message.
func (*participantEntities) TypeName() string { return infoType }

// CDR implements msgs.Message.
func (p *participantEntities) CDR(c *msgs.CDR) {
	visitGid(c, &p.participant)
	msgs.Seq(c, &p.nodes, func(c *msgs.CDR, n *nodeEntities) {
		c.String(&n.namespace)
		c.String(&n.name)
		msgs.Seq(c, &n.readers, visitGid)
		msgs.Seq(c, &n.writers, visitGid)
	})
}
