"""Where instances are: placement groups, dedicated hosts and reserved capacity."""
from .instances import AL2, launch, one, refused

A, B = {"AvailabilityZone": "us-east-1a"}, {"AvailabilityZone": "us-east-1b"}


def run(cloud, kind="m5.large", count=1, least=None, **place):
    return cloud.client("ec2").run_instances(ImageId=AL2, InstanceType=kind, MinCount=least or count, MaxCount=count, Placement=place)["Instances"]


def test_a_cluster_group_is_in_one_zone_and_takes_no_burstable_types(cloud):
    ec2 = cloud.client("ec2")
    ec2.create_placement_group(GroupName="c", Strategy="cluster")
    run(cloud, GroupName="c", **A)
    error = refused("InvalidPlacementGroup.InUse", ec2.run_instances, ImageId=AL2, InstanceType="m5.large", MinCount=1, MaxCount=1, Placement={"GroupName": "c", **B})
    assert "in use in another availability zone" in error["Message"]
    refused("InvalidParameterCombination", ec2.run_instances, ImageId=AL2, InstanceType="t3.micro", MinCount=1, MaxCount=1, Placement={"GroupName": "c", **A})
    refused("InvalidPlacementGroup.InUse", ec2.delete_placement_group, GroupName="c")


def test_a_spread_group_has_seven_running_instances_a_zone(cloud):
    ec2 = cloud.client("ec2")
    ec2.create_placement_group(GroupName="s", Strategy="spread")
    made = run(cloud, "t3.micro", 7, GroupName="s", **A)
    refused("InsufficientInstanceCapacity", ec2.run_instances, ImageId=AL2, InstanceType="t3.micro", MinCount=1, MaxCount=1, Placement={"GroupName": "s", **A})
    assert len(run(cloud, "t3.micro", 9, 1, GroupName="s", **B)) == 7
    cloud.advance(5)
    ec2.terminate_instances(InstanceIds=[made[0]["InstanceId"]])
    cloud.advance(5)
    run(cloud, "t3.micro", GroupName="s", **A)


def test_a_partition_group_has_at_most_seven_partitions_and_any_number_of_instances(cloud):
    ec2 = cloud.client("ec2")
    refused("InvalidParameterValue", ec2.create_placement_group, GroupName="p", Strategy="partition", PartitionCount=8)
    assert ec2.create_placement_group(GroupName="p", Strategy="partition", PartitionCount=3)["PlacementGroup"]["PartitionCount"] == 3
    numbers = [i["Placement"]["PartitionNumber"] for i in run(cloud, "t3.micro", 9, GroupName="p", **A)]
    assert sorted(numbers) == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert run(cloud, "t3.micro", GroupName="p", PartitionNumber=2, **A)[0]["Placement"]["PartitionNumber"] == 2
    refused("InvalidParameterValue", ec2.run_instances, ImageId=AL2, InstanceType="t3.micro", MinCount=1, MaxCount=1, Placement={"GroupName": "p", "PartitionNumber": 4, **A})


def test_names_of_groups(cloud):
    ec2 = cloud.client("ec2")
    ec2.create_placement_group(GroupName="g", TagSpecifications=[{"ResourceType": "placement-group", "Tags": [{"Key": "a", "Value": "b"}]}])
    refused("InvalidPlacementGroup.Duplicate", ec2.create_placement_group, GroupName="g")
    assert ec2.describe_placement_groups(GroupNames=["g"])["PlacementGroups"][0]["Strategy"] == "cluster"
    ec2.delete_placement_group(GroupName="g")
    refused("InvalidPlacementGroup.Unknown", ec2.describe_placement_groups, GroupNames=["g"])
    refused("InvalidPlacementGroup.Unknown", ec2.run_instances, ImageId=AL2, InstanceType="m5.large", MinCount=1, MaxCount=1, Placement={"GroupName": "g"})


def test_a_dedicated_host_has_sockets_cores_and_an_end_to_its_room(cloud):
    ec2 = cloud.client("ec2")
    (host,) = ec2.allocate_hosts(InstanceType="m5.12xlarge", AvailabilityZone="us-east-1a", Quantity=1)["HostIds"]
    shown = ec2.describe_hosts(HostIds=[host])["Hosts"][0]
    assert (shown["HostProperties"]["Sockets"], shown["HostProperties"]["Cores"], shown["HostProperties"]["TotalVCpus"]) == (2, 48, 96)
    placed = run(cloud, "m5.12xlarge", Tenancy="host", HostId=host, **A)[0]
    assert placed["Placement"]["HostId"] == host and placed["Placement"]["Tenancy"] == "host"
    assert run(cloud, "m5.12xlarge", Tenancy="host", **A)[0]["Placement"]["HostId"] == host
    shown = ec2.describe_hosts(HostIds=[host])["Hosts"][0]
    assert shown["AvailableCapacity"]["AvailableVCpus"] == 0 and len(shown["Instances"]) == 2
    refused("InsufficientHostCapacity", ec2.run_instances, ImageId=AL2, InstanceType="m5.12xlarge", MinCount=1, MaxCount=1, Placement={"Tenancy": "host", "HostId": host, **A})
    refused("InsufficientHostCapacity", ec2.run_instances, ImageId=AL2, InstanceType="m5.12xlarge", MinCount=1, MaxCount=1, Placement={"Tenancy": "host", **A})
    refused("InvalidParameterValue", ec2.run_instances, ImageId=AL2, InstanceType="m5.large", MinCount=1, MaxCount=1, Placement={"Tenancy": "host", "HostId": host, **A})
    assert ec2.release_hosts(HostIds=[host])["Unsuccessful"][0]["Error"]["Code"] == "Client.InvalidHost.Occupied"
    ec2.modify_hosts(HostIds=[host], AutoPlacement="off")
    assert ec2.describe_hosts(HostIds=[host])["Hosts"][0]["AutoPlacement"] == "off"


def test_a_dedicated_instance_shows_no_host(cloud):
    ec2 = cloud.client("ec2")
    shown = one(ec2, launch(cloud, kind="m5.large", Placement={"Tenancy": "dedicated"}))
    assert shown["Placement"]["Tenancy"] == "dedicated" and "HostId" not in shown["Placement"] and ec2.describe_hosts()["Hosts"] == []


def test_a_vpc_of_dedicated_tenancy_forces_it(cloud):
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", InstanceTenancy="dedicated")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    assert one(ec2, launch(cloud, kind="m5.large", SubnetId=subnet))["Placement"]["Tenancy"] == "dedicated"


def test_the_placement_of_a_stopped_instance_changes(cloud):
    ec2 = cloud.client("ec2")
    ec2.create_placement_group(GroupName="s", Strategy="spread")
    id_ = launch(cloud)
    refused("IncorrectInstanceState", ec2.modify_instance_placement, InstanceId=id_, GroupName="s")
    ec2.stop_instances(InstanceIds=[id_])
    cloud.advance(5)
    ec2.modify_instance_placement(InstanceId=id_, GroupName="s")
    assert one(ec2, id_)["Placement"]["GroupName"] == "s"


def test_reserved_capacity_is_taken_by_what_matches_and_by_no_more(cloud):
    ec2 = cloud.client("ec2")
    id_ = ec2.create_capacity_reservation(InstanceType="m5.large", InstancePlatform="Linux/UNIX", AvailabilityZone="us-east-1a", InstanceCount=1)["CapacityReservation"]["CapacityReservationId"]
    assert "CapacityReservationId" not in run(cloud, "m5.large", **B)[0]
    assert run(cloud, "m5.large", **A)[0]["CapacityReservationId"] == id_
    assert ec2.describe_capacity_reservations(CapacityReservationIds=[id_])["CapacityReservations"][0]["AvailableInstanceCount"] == 0
    refused("ReservationCapacityExceeded", ec2.run_instances, ImageId=AL2, InstanceType="m5.large", MinCount=1, MaxCount=1, Placement=A,
            CapacityReservationSpecification={"CapacityReservationTarget": {"CapacityReservationId": id_}})
    ec2.modify_capacity_reservation(CapacityReservationId=id_, InstanceCount=2)
    assert ec2.get_capacity_reservation_usage(CapacityReservationId=id_)["AvailableInstanceCount"] == 1
    ec2.cancel_capacity_reservation(CapacityReservationId=id_)
    assert ec2.describe_capacity_reservations()["CapacityReservations"][0]["State"] == "cancelled"
    ended = launch(cloud)
    ec2.stop_instances(InstanceIds=[ended])
    cloud.advance(5)
    ec2.modify_instance_capacity_reservation_attributes(InstanceId=ended, CapacityReservationSpecification={"CapacityReservationPreference": "none"})
    assert one(ec2, ended)["CapacityReservationSpecification"]["CapacityReservationPreference"] == "none"


def test_reserved_instances_are_a_price_for_one_or_three_years(cloud):
    ec2 = cloud.client("ec2")
    rows = ec2.describe_reserved_instances_offerings(InstanceType="m5.large", InstanceTenancy="default", Filters=[{"Name": "scope", "Values": ["Region"]}])["ReservedInstancesOfferings"]
    assert {(row["OfferingClass"], row["Duration"] // 31536000, row["OfferingType"]) for row in rows} == {
        (kind, years, paid) for kind in ("standard", "convertible") for years in (1, 3) for paid in ("No Upfront", "Partial Upfront", "All Upfront")}
    assert all((row["FixedPrice"] == 0) is (row["OfferingType"] == "No Upfront") for row in rows)
    (chosen,) = (row for row in rows if (row["OfferingClass"], row["Duration"], row["OfferingType"]) == ("standard", 31536000, "All Upfront"))
    id_ = ec2.purchase_reserved_instances_offering(ReservedInstancesOfferingId=chosen["ReservedInstancesOfferingId"], InstanceCount=2)["ReservedInstancesId"]
    assert ec2.describe_reserved_instances(ReservedInstancesIds=[id_])["ReservedInstances"][0]["State"] == "payment-pending"
    cloud.advance(10)
    (shown,) = ec2.describe_reserved_instances(Filters=[{"Name": "state", "Values": ["active"]}])["ReservedInstances"]
    assert shown["InstanceCount"] == 2 and shown["FixedPrice"] == chosen["FixedPrice"] and ec2.describe_instances()["Reservations"] == []
    refused("InvalidReservedInstancesOfferingId", ec2.purchase_reserved_instances_offering, ReservedInstancesOfferingId="none", InstanceCount=1)
