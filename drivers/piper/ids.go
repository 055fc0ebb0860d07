package piper

// Identifiers, hardware document of the PiPER, protocol V2: classic CAN, 11 bit, 1 Mbit/s.
const (
	// Feedback, arm to host.
	IDStatus      = 0x2A1
	IDPoseXY      = 0x2A2
	IDPoseZRX     = 0x2A3
	IDPoseRYRZ    = 0x2A4
	IDJoints12    = 0x2A5
	IDJoints34    = 0x2A6
	IDJoints56    = 0x2A7
	IDGripper     = 0x2A8
	IDSolution12  = 0x2AA // inverse kinematics of MOVE P, from S-V1.8-8
	IDSolution56  = 0x2AC
	IDHighSpeed1  = 0x251
	IDHighSpeed6  = 0x256
	IDLowSpeed1   = 0x261
	IDLowSpeed6   = 0x266
	IDLink1       = 0x481
	IDLink6       = 0x486
	IDStuckLeader = 0x3A1 // feedback of an arm stuck in the leader state, 0x3A1..0x3A8

	// Commands, host to arm (or leader to follower).
	IDMotion       = 0x150
	IDMode         = 0x151
	IDTargetXY     = 0x152
	IDTargetZRX    = 0x153
	IDTargetRYRZ   = 0x154
	IDTarget12     = 0x155
	IDTarget34     = 0x156
	IDTarget56     = 0x157
	IDArc          = 0x158
	IDGripperSet   = 0x159
	IDMIT1         = 0x15A
	IDMIT6         = 0x15F
	IDCPV1         = 0x181
	IDCPV6         = 0x186
	IDLeaderHoming = 0x191

	// Settings, both ways.
	IDLinkage        = 0x470
	IDMotors         = 0x471
	IDLimitsQuery    = 0x472
	IDLimits         = 0x473
	IDLimitsSet      = 0x474
	IDJointSet       = 0x475
	IDAcknowledge    = 0x476
	IDSettingsQuery  = 0x477
	IDEndLimits      = 0x478
	IDEndLimitsSet   = 0x479
	IDCollisionSet   = 0x47A
	IDCollision      = 0x47B
	IDAcceleration   = 0x47C
	IDGripperTeach   = 0x47D
	IDGripperTeachIs = 0x47E
	IDAssistSet      = 0x487
	IDAssist         = 0x488
	IDFirmware       = 0x4AF
)
